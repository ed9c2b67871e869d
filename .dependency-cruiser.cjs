'use strict'
// The layers of lib, lowest first; folders of one layer do not know each other. Type imports count. Checked by
// test/ts/architecture.test.ts, or by hand: npx depcruise lib
const layers = [
  ['base'],
  ['options'],
  ['runtime'],
  ['tokenizer', 'document'],
  ['prompt', 'retrieve', 'cite'],
  ['pipeline'],
  ['api'],
  ['cli'],
]
const inFolders = (folders) => `^lib/(${folders.join('|')})/`

const upwards = layers.flatMap((layer, level) =>
  layer.map((folder) => ({
    name: `${folder} knows only the layers below it`,
    severity: 'error',
    from: { path: inFolders([folder]) },
    to: {
      path: inFolders(
        layers
          .slice(level)
          .flat()
          .filter((other) => other !== folder),
      ),
    },
  })),
)

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...upwards,
    { name: 'no circles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'the demo stands on base and runtime alone',
      severity: 'error',
      from: { path: inFolders(['demo']) },
      to: { path: '^lib/', pathNot: inFolders(['demo', 'base', 'runtime']) },
    },
    {
      name: 'only the command line knows the demo',
      severity: 'error',
      from: { path: '^lib/', pathNot: inFolders(['demo', 'cli']) },
      to: { path: inFolders(['demo']) },
    },
    { name: 'every import is found', severity: 'error', from: {}, to: { couldNotResolve: true, pathNot: '^ragdraft-cuda' } },
    {
      name: 'the package needs no development dependency',
      severity: 'error',
      from: { path: '^lib/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['require', 'types'] },
  },
}
