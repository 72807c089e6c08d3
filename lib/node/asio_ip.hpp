// IP addresses as Boost.Asio has them, and as plain values.
#pragma once
#include <boost/asio/ip/address.hpp>

#include "address/ip.hpp"

namespace weave::mesh {

inline boost::asio::ip::address to_asio(const Ip& ip) {
  return boost::asio::ip::make_address(ip.str());
}

inline Ip from_asio(const boost::asio::ip::address& address) {
  return Ip::parse(address.to_string()).value();
}

}  // namespace weave::mesh
