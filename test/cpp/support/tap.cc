#include "tap.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <exception>

#include "data_seed.h"

namespace tap {
namespace {
int failures = 0;
}
std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}
Register::Register(const char* file, const char* title, std::function<void()> body) {
  const char* slash = std::strrchr(file, '/');
  tests().push_back({slash ? slash + 1 : file, title, std::move(body)});
}
void fail(const char* file, int line, const std::string& what) {
  if (++failures <= 20) std::printf("# %s:%d: %s\n", file, line, what.c_str());
}

int run(int argc, char** argv) {
  const std::vector<std::string> parts(argv + std::min(argc, 1), argv + argc);
  int number = 0, bad = 0;
  std::printf("TAP version 14\n");
  if (testing::data_seed() != 0) std::printf("# RAGDRAFT_TEST_SEED=%u\n", unsigned(testing::data_seed()));
  for (const Test& test : tests()) {
    const std::string name = std::string(test.file) + ": " + test.title;
    const auto named = [&](const std::string& part) { return name.find(part) != std::string::npos; };
    if (!parts.empty() && std::none_of(parts.begin(), parts.end(), named)) continue;
    failures = 0;
    const auto begin = std::chrono::steady_clock::now();
    try {
      test.body();
    } catch (const std::exception& e) {
      fail(test.file, 0, std::string("uncaught: ") + e.what());
    }
    if (failures > 0) bad++;
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
    std::printf("%s %d - %s # time=%.1fms\n", failures ? "not ok" : "ok", ++number, name.c_str(), took.count());
    std::fflush(stdout);
  }
  std::printf("1..%d\n", number);
  return bad != 0 || number == 0;
}

}  // namespace tap
