// Sets a variable of the environment, or takes it away (nullptr).
#pragma once
#include <cstdlib>

namespace testing {

inline void set_environment(const char* name, const char* value) {
#if defined(_WIN32)
  _putenv_s(name, value ? value : "");  // an empty value takes it away
#else
  value ? setenv(name, value, 1) : unsetenv(name);
#endif
}

}  // namespace testing
