/** As much of Electron as the example uses, so that it is checked without the package. An application has Electron's own types. */
declare module 'electron' {
  export const app: { readonly isPackaged: boolean; whenReady(): Promise<void>; exit(code: number): void }
  export const utilityProcess: { fork(file: string): UtilityProcess }
  interface UtilityProcess {
    postMessage(message: unknown): void
    // biome-ignore lint/suspicious/noExplicitAny: whatever the two agree on
    on(event: 'message', listener: (message: any) => void): void
    on(event: 'exit', listener: (code: number) => void): void
  }
}
