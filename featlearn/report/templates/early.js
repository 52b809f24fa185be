"use strict";
// Runs before anything is drawn: without it a dark page would flash white.
document.documentElement.classList.add("js");
try {
  const theme = localStorage.getItem("featlearn-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // A browser may refuse storage to a file; the theme is then the system's.
}
