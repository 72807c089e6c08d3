// Boost.Asio's own code, compiled once here for every library.
#include <boost/asio/impl/src.hpp>
