// The sockets on which dockerd finds the drivers.
#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>

#include "plugin/driver.hpp"

namespace weave::plugin {

// Paths of unix sockets; empty: not served. Docker takes a driver's name from the file's name.
struct SocketPaths {
  std::string weave = "/run/docker/plugins/weave.sock";
  std::string weavemesh = "/run/docker/plugins/weavemesh.sock";
};

// Serves both drivers until closed or destroyed.
class Server {
 public:
  // Makes the directories and binds at once; throws Error (a socket that another process serves is an error, a stale
  // file is replaced). `driver` must have been loaded and outlive the server.
  Server(asio::any_io_executor executor, Driver& driver, const SocketPaths& paths = {});
  ~Server();
  Server(const Server&) = delete;

  // Stops listening and removes the socket files.
  void close();

 private:
  std::unique_ptr<http::Server> global_, mesh_;
};

}  // namespace weave::plugin
