/** Put a button beside each recipe that copies it. */
function useCopies() {
  for (const block of document.querySelectorAll("pre.recipe")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      const text = block.querySelector("code").textContent;
      try {
        await navigator.clipboard.writeText(text);
      } catch {
        const range = document.createRange();
        range.selectNodeContents(block.querySelector("code"));
        getSelection().removeAllRanges();
        getSelection().addRange(range);
        document.execCommand("copy");
      }
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 1600);
    });
    const holder = document.createElement("div");
    holder.className = "recipe-holder";
    block.replaceWith(holder);
    holder.append(block, button);
  }
}

useTheme();
useCopies();
useCurves();
useSheet();
for (const box of document.querySelectorAll(".gallery")) galleries.set(box.dataset.stage, new Gallery(box));
useMaps();
useComparison();
followAddress();
document.documentElement.dataset.ready = String(Math.round(performance.now()));
