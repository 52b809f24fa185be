function useMaps() {}
