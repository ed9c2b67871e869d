/**
 * The binaries that the package ships, one literal path each: tools that collect the files of a program (@vercel/nft, and with it Next and
 * serverless deployments) follow those, and see nothing in a path that is put together. They must see where `path` comes from too: Next's own
 * tracer does not look through what `import * as` is compiled to (findings/next-tracing-import-star.sh).
 */
import path = require('node:path')

/** What `npx ragdraft build` and a checkout make, here for the same reason. */
export const builtBinary = () => path.join(__dirname, '..', '..', '..', 'build', 'Release', 'ragdraft.node')

/** By platform and architecture, "-musl" after it for that C library. The names are those that node-gyp-build and @electron/rebuild know. */
export const prebuiltBinaries = () => ({
  'linux-x64': path.join(__dirname, '..', '..', '..', 'prebuilds', 'linux-x64', 'node.napi.node'),
  'linux-x64-musl': path.join(__dirname, '..', '..', '..', 'prebuilds', 'linux-x64', 'node.napi.musl.node'),
  'linux-arm64': path.join(__dirname, '..', '..', '..', 'prebuilds', 'linux-arm64', 'node.napi.node'),
  'linux-arm64-musl': path.join(__dirname, '..', '..', '..', 'prebuilds', 'linux-arm64', 'node.napi.musl.node'),
  'darwin-x64': path.join(__dirname, '..', '..', '..', 'prebuilds', 'darwin-x64', 'node.napi.node'),
  'darwin-arm64': path.join(__dirname, '..', '..', '..', 'prebuilds', 'darwin-arm64', 'node.napi.node'),
  'win32-x64': path.join(__dirname, '..', '..', '..', 'prebuilds', 'win32-x64', 'node.napi.node'),
  'win32-arm64': path.join(__dirname, '..', '..', '..', 'prebuilds', 'win32-arm64', 'node.napi.node'),
})
