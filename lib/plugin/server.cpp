#include "plugin/server.hpp"

#include <filesystem>

namespace weave::plugin {
namespace {

std::unique_ptr<http::Server> serve(const asio::any_io_executor& executor, Driver& driver, std::string_view name,
                                    const std::string& path) {
  if (path.empty()) return nullptr;
  std::error_code code;
  const auto folder = std::filesystem::path(path).parent_path();
  if (!folder.empty()) std::filesystem::create_directories(folder, code);
  if (code) throw errno_error("make directory " + folder.string(), code.value());
  http::Address address;
  address.path = path;
  return std::make_unique<http::Server>(
      executor, address, [&driver, name](http::Request request) { return driver.handle(name, std::move(request)); },
      0600, http::Limits{});
}

}  // namespace

Server::Server(asio::any_io_executor executor, Driver& driver, const SocketPaths& paths)
    : global_(serve(executor, driver, kGlobalDriver, paths.weave)),
      mesh_(serve(executor, driver, kMeshDriver, paths.weavemesh)) {}

Server::~Server() {
  close();
}

void Server::close() {
  if (global_) global_->close();
  if (mesh_) mesh_->close();
}

}  // namespace weave::plugin
