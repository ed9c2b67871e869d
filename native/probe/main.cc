// ragdraft-cuda-probe MODULE LIMIT_SECONDS
//
// Tries the GPUs in a process of its own, and prints what it found as the last line of its output. It is no part of Node: an Electron
// application whose runAsNode fuse is off starts itself anew when its own program is run as a child.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "probe/probe.h"
#if defined(_WIN32)
#include <windows.h>

#include <shellapi.h>
#endif

namespace {

// The command line in UTF-8, the program's name included.
#if defined(_WIN32)
std::vector<std::string> arguments(int, char**) {
  int count = 0;
  wchar_t** const wide = CommandLineToArgvW(GetCommandLineW(), &count);
  std::vector<std::string> list;
  for (int i = 0; i < count; i++) {
    std::string text(size_t(WideCharToMultiByte(CP_UTF8, 0, wide[i], -1, nullptr, 0, nullptr, nullptr)), '\0');
    WideCharToMultiByte(CP_UTF8, 0, wide[i], -1, text.data(), int(text.size()), nullptr, nullptr);
    text.pop_back();  // the NUL
    list.push_back(text);
  }
  LocalFree(wide);
  return list;
}
#else
std::vector<std::string> arguments(int count, char** values) { return {values, values + count}; }
#endif

}  // namespace

int main(int count, char** values) {
  const std::vector<std::string> given = arguments(count, values);
  const int limit_seconds = given.size() == 3 ? std::atoi(given[2].c_str()) : 0;
  if (limit_seconds < 1 || limit_seconds > 3600) {
    std::fputs("usage: ragdraft-cuda-probe MODULE LIMIT_SECONDS (1 to 3600)\n", stderr);
    return 2;
  }
  const std::string report = ragdraft::probe::to_json(ragdraft::probe::try_gpus(given[1], limit_seconds));
  std::printf("\n%s\n", report.c_str());  // drivers may have written something before
  std::fflush(stdout);
  std::_Exit(EXIT_SUCCESS);  // what a driver does at the end of a process is not asked for
}
