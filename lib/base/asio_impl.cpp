// Boost.Asio's own code, compiled once here for every room.
#include <boost/asio/impl/src.hpp>
