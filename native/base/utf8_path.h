// File names cross the core as UTF-8; Windows has them in UTF-16, and its narrow functions in the code page of the day.
#pragma once
#include <filesystem>
#include <string>

namespace ragdraft {

// On Windows throws std::system_error where `text` is no UTF-8; elsewhere bytes are bytes.
inline std::filesystem::path utf8_path(const std::string& text) {
#if defined(_WIN32)
  return std::filesystem::path(std::u8string(text.begin(), text.end()));
#else
  return std::filesystem::path(text);
#endif
}

inline std::string utf8_text(const std::filesystem::path& path) {
#if defined(_WIN32)
  const std::u8string text = path.u8string();
  return std::string(text.begin(), text.end());
#else
  return path.native();
#endif
}

}  // namespace ragdraft
