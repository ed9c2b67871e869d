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
  check(!options.depths.empty(), Code::kInvalidArgument, "no depths");
  int before = 0;
  for (const int depth : options.depths) {
    check(depth % kPageTokens == 0 && depth > before, Code::kInvalidArgument, "depths are whole pages of 64 tokens, in ascending order");
    before = depth;
  }
  for (const int rows : options.verify) check(rows <= 256, Code::kInvalidArgument, "a pass takes at most 256 rows");
}

}  // namespace

Options parse_options(int argc, const char* const* argv) {
  Options o;
  const std::map<std::string, std::string*> texts = {{"part", &o.part}, {"model", &o.model}, {"weights", &o.weights}, {"json", &o.json}};
  const std::map<std::string, int*> counts = {
      {"runs", &o.runs}, {"calls", &o.calls}, {"read_mib", &o.read_mebibytes}, {"mma_rounds", &o.mma_rounds}, {"cold_mib", &o.cold_mebibytes}};
  const std::map<std::string, std::vector<int>*> lists = {{"depths", &o.depths}, {"verify", &o.verify}};
  for (int i = 1; i < argc; i++) {
    const std::string argument = argv[i];
    const size_t equals = argument.find('=');
    if (equals == std::string::npos) throw Error(Code::kInvalidArgument, "not name=value: " + argument);
    const std::string name = argument.substr(0, equals), value = argument.substr(equals + 1);
    if (const auto text = texts.find(name); text != texts.end()) *text->second = value;
    else if (const auto count = counts.find(name); count != counts.end()) *count->second = whole(value, 1);
    else if (const auto numbers = lists.find(name); numbers != lists.end()) *numbers->second = wholes(value);
    else if (name == "kv") o.kv = split(value);
    else if (name == "device") o.device = whole(value, 0);
    else throw Error(Code::kInvalidArgument, "unknown argument " + name);
  }
  check_depths(o);
  return o;
}

}  // namespace ragdraft::gpu_check
