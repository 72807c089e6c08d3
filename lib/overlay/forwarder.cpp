#include "overlay/forwarder.hpp"

#include <fmt/format.h>

namespace weave::overlay {

std::string UdpAddress::str() const {
  return fmt::format("{}:{}", ip.str(), port);
}

}  // namespace weave::overlay
