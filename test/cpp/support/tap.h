// A C++ test program that speaks TAP. TEST("title") { CHECK(condition); CHECK_THROWS(kCode, expression); }
// Run as: native_tests [substring of "file: title"]
#pragma once
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"

namespace tap {

struct Test {
  const char* file;
  const char* title;
  std::function<void()> body;
};
std::vector<Test>& tests();
struct Register {
  Register(const char* file, const char* title, std::function<void()> body);
};
// Records a failure of the running test (the test goes on); prints at most 20 a test.
void fail(const char* file, int line, const std::string& what);
// Runs the tests whose "file: title" holds one of the arguments (all without any), prints TAP, and returns the exit status: 0 if there
// were any and all passed.
int run(int argc, char** argv);

}  // namespace tap

#define TAP_CAT_(a, b) a##b
#define TAP_CAT(a, b) TAP_CAT_(a, b)
#define TEST(title)                                                                            \
  static void TAP_CAT(tap_body_, __LINE__)();                                                  \
  static const tap::Register TAP_CAT(tap_register_, __LINE__)(__FILE__, title, TAP_CAT(tap_body_, __LINE__)); \
  static void TAP_CAT(tap_body_, __LINE__)()
#define CHECK(condition) \
  do { if (!(condition)) tap::fail(__FILE__, __LINE__, #condition); } while (0)
#define CHECK_MSG(condition, message) \
  do { if (!(condition)) tap::fail(__FILE__, __LINE__, std::string(#condition) + ": " + (message)); } while (0)
#define CHECK_THROWS(code_, expression)                                                          \
  do {                                                                                           \
    bool caught_ = false;                                                                        \
    try { (void)(expression); } catch (const ragdraft::Error& e) {                               \
      caught_ = true;                                                                            \
      if (e.code() != ragdraft::Code::code_) tap::fail(__FILE__, __LINE__, std::string("threw another code: ") + std::string(code_name(e.code())) + ": " + e.what()); \
    }                                                                                            \
    if (!caught_) tap::fail(__FILE__, __LINE__, #expression " did not throw");                   \
  } while (0)
