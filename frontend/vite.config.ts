import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

// `npm run dev` proxies to a server that runs already: labelsieve serve PROJECT --port 8765 --token T --no-browser
const server = process.env["LABELSIEVE_SERVER"] ?? "http://127.0.0.1:8765";

export default defineConfig({
  plugins: [svelte()],
  server: {
    host: "127.0.0.1", // the session's cookie of the server counts here too: cookies know no ports
    port: 5173,
    strictPort: true,
    proxy: {
      "/api": {
        target: server,
        changeOrigin: true,
        configure: (proxy) => proxy.on("proxyReq", (request) => request.setHeader("Origin", server)),
      },
    },
  },
  build: {
    outDir: "../src/labelsieve/ui/static",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // the pages' content policy allows no data: scripts or styles
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 900,
  },
  test: { include: ["tests/**/*.test.ts"], environment: "node", setupFiles: ["tests/setup.ts"], testTimeout: 30_000 },
});
