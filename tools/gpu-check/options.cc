#include "options.h"

#include <cstdlib>
#include <map>
#include <sstream>

#include "base/error.h"
#include "base/types.h"

namespace ragdraft::gpu_check {
namespace {

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  std::istringstream stream(list);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

int whole(const std::string& text, int least) {
  char* end = nullptr;
  const long value = std::strtol(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || value < least || value > (1 << 24))
    throw Error(Code::kInvalidArgument, "not a whole number that fits: " + text);
  return int(value);
}

std::vector<int> wholes(const std::string& list) {
  std::vector<int> values;
  for (const std::string& text : split(list)) values.push_back(whole(text, 1));
  return values;
}

void check_depths(const Options& options) {
  const auto pages = [](int depth) { return depth % kPageTokens == 0; };
  check(!options.depths.empty() && pages(options.draft_depth), Code::kInvalidArgument, "depths are whole pages of 64 tokens");
  int before = 0;
  for (const int depth : options.depths) {
    check(pages(depth) && depth > before, Code::kInvalidArgument, "depths are whole pages of 64 tokens, in ascending order");
    before = depth;
  }
  for (const int rows : options.verify) check(rows <= 256, Code::kInvalidArgument, "a pass takes at most 256 rows");
}

}  // namespace

Options parse_options(int argc, const char* const* argv) {
  Options o;
  const std::map<std::string, int*> counts = {{"runs", &o.runs},
                                              {"draft_depth", &o.draft_depth},
                                              {"copy_mib", &o.copy_mebibytes},
                                              {"calls", &o.calls},
                                              {"mma_rounds", &o.mma_rounds},
                                              {"cold_mib", &o.cold_mebibytes}};
  const std::map<std::string, std::vector<std::string>*> names = {{"models", &o.models},
                                                                  {"weights", &o.weights},
                                                                  {"kernel_weights", &o.kernel_weights},
                                                                  {"drafters", &o.drafters},
                                                                  {"kv", &o.kv}};
  const std::map<std::string, std::vector<int>*> lists = {{"depths", &o.depths}, {"verify", &o.verify}};
  const std::map<std::string, std::string*> texts = {{"json", &o.json}, {"commit", &o.commit}};
  for (int i = 1; i < argc; i++) {
    const std::string argument = argv[i];
    const size_t equals = argument.find('=');
    if (equals == std::string::npos) throw Error(Code::kInvalidArgument, "not name=value: " + argument);
    const std::string name = argument.substr(0, equals), value = argument.substr(equals + 1);
    if (const auto count = counts.find(name); count != counts.end()) *count->second = whole(value, 1);
    else if (const auto list = names.find(name); list != names.end()) *list->second = split(value);
    else if (const auto numbers = lists.find(name); numbers != lists.end()) *numbers->second = wholes(value);
    else if (const auto text = texts.find(name); text != texts.end()) *text->second = value;
    else if (name == "device") o.device = whole(value, 0);
    else if (name == "seconds") o.seconds = whole(value, 1);
    else throw Error(Code::kInvalidArgument, "unknown argument " + name);
  }
  check_depths(o);
  return o;
}

}  // namespace ragdraft::gpu_check
