/** The version of ragdraft that the module is for: the same one, exactly. */
export declare const version: string
/** Path of the CUDA module. */
export declare const module: string
/** Path of the program that tries the GPUs with it, in a process of its own. */
export declare const probe: string
