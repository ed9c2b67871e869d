#include <cstdio>

#include "probe/probe.h"

namespace ragdraft::probe {
namespace {

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", unsigned(c));
      out += escape;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace

std::string to_json(const Report& report) {
  std::string out = "{\"devices\":[";
  for (const Device& device : report.devices) {
    if (&device != &report.devices.front()) out += ",";
    out += "{\"index\":" + std::to_string(device.index) + ",\"name\":" + quoted(device.name) + ",\"capability\":" + quoted(device.capability) +
           ",\"totalBytes\":" + std::to_string(device.total_bytes) + ",\"freeBytes\":" + std::to_string(device.free_bytes) +
           ",\"problem\":" + quoted(device.problem) + "}";
  }
  return out + "],\"reason\":" + quoted(report.reason) + "}";
}

}  // namespace ragdraft::probe
