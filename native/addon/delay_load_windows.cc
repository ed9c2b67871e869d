// Node's functions are in the program that loads the addon, whose import library calls it NODE.EXE. Electron has them too, under
// another name, and so has a node.exe that was renamed: whoever the process is, it is meant. The import is a delayed one, which
// leaves time for this hook.
#include <windows.h>
// After windows.h, whose types it uses.
#include <delayimp.h>

#include <cstring>

namespace {

FARPROC WINAPI find_node(unsigned event, PDelayLoadInfo import) {
  if (event != dliNotePreLoadLibrary || _stricmp(import->szDll, "NODE.EXE") != 0) return nullptr;
  return reinterpret_cast<FARPROC>(GetModuleHandleW(nullptr));
}

// Before the first call of such a function: static initialisers make none.
[[maybe_unused]] const PfnDliHook hook = __pfnDliNotifyHook2 = find_node;

}  // namespace
