// The texts of single values: parsers, which refuse with the text for the user, and the way back. Internal to the
// library.
//
// A parser takes where the text is from ("--port", "WEAVE_PORT") and the text. It throws UsageError for a text of the
// wrong form and Error for a value that cannot be used.
#pragma once
#include "settings/settings.hpp"

namespace weave::settings {

bool truth(const std::string& source, const std::string& text);
std::string any_text(const std::string& source, const std::string& text);
Secret secret(const std::string& source, const std::string& text);

uint16_t port(const std::string& source, const std::string& text);
uint32_t mtu(const std::string& source, const std::string& text);
int64_t packet_count(const std::string& source, const std::string& text);
int connection_limit(const std::string& source, const std::string& text);
int protocol_version(const std::string& source, const std::string& text);
std::chrono::seconds ttl(const std::string& source, const std::string& text);
std::chrono::milliseconds timeout(const std::string& source, const std::string& text);

PeerName peer_name(const std::string& source, const std::string& text);
std::string peer(const std::string& source, const std::string& text);
Ipv4 local_address(const std::string& source, const std::string& text);
Cidr trusted_subnet(const std::string& source, const std::string& text);
Cidr range(const std::string& source, const std::string& text);
Cidr subnet(const std::string& source, const std::string& text);
ipam::Init ipam_init(const std::string& source, const std::string& text);

SocketAddress dns_address(const std::string& source, const std::string& text);
std::string domain(const std::string& source, const std::string& text);
std::string interface(const std::string& source, const std::string& text);
ServiceAddress service(const std::string& source, const std::string& text);
ServiceAddress control_address(const std::string& source, const std::string& text);
ServiceAddress docker_address(const std::string& source, const std::string& text);
std::string path(const std::string& source, const std::string& text);
// An absolute path, or empty.
std::string socket_path(const std::string& source, const std::string& text);

DatapathMode datapath_mode(const std::string& source, const std::string& text);
std::vector<std::string> datapath_modes();
log::Level log_level(const std::string& source, const std::string& text);
std::vector<std::string> log_levels();

// The text from which the parser makes the value.
inline std::string text_of(const std::string& value) {
  return value;
}
std::string text_of(const Secret& value);
std::string text_of(const ipam::Init& value);
std::string text_of(DatapathMode value);
std::string text_of(log::Level value);
template <class T>
auto text_of(const T& value) -> decltype(value.str()) {
  return value.str();
}

}  // namespace weave::settings
