import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

const outDir = "../build/web";

// The program embeds the packed files only.
function packed(): Plugin {
  return {
    name: "packed",
    apply: "build",
    closeBundle() {
      for (const name of readdirSync(outDir, { recursive: true, encoding: "utf8" })) {
        if (!/\.(html|js|css)$/.test(name)) continue;
        const file = join(outDir, name);
        writeFileSync(`${file}.gz`, gzipSync(readFileSync(file), { level: 9 }));
        rmSync(file);
      }
    },
  };
}

export default defineConfig({
  plugins: [packed()],
  build: {
    outDir,
    emptyOutDir: true,
    target: ["chrome123", "firefox120", "safari17.5"],
    modulePreload: { polyfill: false },
  },
  // `npx vite` beside a running `palate serve`: pages change as they are written.
  server: {
    proxy: Object.fromEntries(
      ["/v1", "/readyz", "/openapi.json"].map((path) => [path, "http://127.0.0.1:8080"]),
    ),
  },
});
