/** Where the CUDA module lies, and the program that tries GPUs with it. */
import { existsSync } from 'node:fs'
import * as path from 'node:path'
import { RagdraftError } from '../../base/errors'
import { addonPath } from '../addon/load'
import { unpacked } from '../addon/unpacked'
import { ownPackage } from '../package-root'

export interface CudaFiles {
  readonly module: string
  readonly probe: string
}

const windows = process.platform === 'win32'
const moduleName = windows ? 'ragdraft_cuda.dll' : 'libragdraft_cuda.so'
const probeName = windows ? 'ragdraft-cuda-probe.exe' : 'ragdraft-cuda-probe'

/** The platform of the package. */
const packaged = process.platform === 'linux' && process.arch === 'x64'
const build = 'run "npx ragdraft build" with RAGDRAFT_CUDA_BUILD=ON in the environment'

/** What the optional package `ragdraft-cuda` exports. */
interface CudaPackage {
  readonly version: string
  readonly module: string
  readonly probe: string
}

/** The package that is installed beside ours; undefined without one. */
function cudaPackage(): CudaPackage | undefined {
  try {
    return require('ragdraft-cuda') as CudaPackage
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code?.includes('MODULE_NOT_FOUND')) return undefined
    throw new RagdraftError('ERR_NATIVE_LOAD', `the package ragdraft-cuda cannot be loaded: ${error}`, { cause: error })
  }
}

/**
 * Chooses among what there is; a text says why there is nothing.
 * @param given RAGDRAFT_CUDA_MODULE, which is taken before anything else
 * @param addonFolder the folder of the addon: a source build puts both files there
 * @param installed the optional package, looked up only where it is needed
 */
export function chooseFiles(
  given: string | undefined,
  addonFolder: string,
  version: string,
  installed: () => CudaPackage | undefined,
): CudaFiles | string {
  if (given && !existsSync(given)) return `there is no CUDA module: RAGDRAFT_CUDA_MODULE names ${given}, which does not exist`
  const beside = given || path.join(addonFolder, moduleName)
  const beforePackage = given || existsSync(beside)
  const extra = beforePackage ? undefined : installed()
  if (!beforePackage && !extra)
    return `there is no CUDA module: ${packaged ? `install the package ragdraft-cuda@${version}, or ` : ''}${build}`
  if (extra && extra.version !== version)
    return `ragdraft-cuda ${extra.version} does not fit ragdraft ${version}: install ragdraft-cuda@${version}`
  const module = unpacked(extra?.module ?? beside)
  if (!existsSync(module)) return `ragdraft-cuda ${version} lacks its module (${module}): install it again`
  const probes = extra ? [unpacked(extra.probe)] : [path.dirname(module), addonFolder].map((folder) => path.join(folder, probeName))
  const probe = probes.find((file) => existsSync(file))
  if (probe === undefined) return `the CUDA module (${module}) lacks the program that tries GPUs (${probes.join(' or ')})`
  return { module, probe }
}

/** The files of this process; a text says why there are none. @throws ERR_NATIVE_LOAD */
export function cudaFiles(): CudaFiles | string {
  if (process.platform === 'darwin') return 'there is no CUDA on darwin'
  return chooseFiles(process.env.RAGDRAFT_CUDA_MODULE, path.dirname(addonPath()), ownPackage().version, cudaPackage)
}
