// weave run, start, restart: the docker client, and then attach. Arguments of `docker run` are endless, so its own
// program has to understand them.
#include "run.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attach.hpp"
#include "base/fd.hpp"
#include "base/process.hpp"
#include "dns_args.hpp"
#include "docker/client.hpp"
#include "docker/run_blocking.hpp"
#include "docker_words.hpp"
#include "output.hpp"
#include "router_client.hpp"
#include "rows.hpp"
#include "text.hpp"

namespace weave::cmd {
namespace {

constexpr std::string_view kTimeout = "--timeout=";

int seconds(const std::string& text) {
  auto value = parse_number(text);
  if (!value || *value < 0) throw UsageError(fmt::format("--timeout: '{}' is not a number of seconds.", text));
  return *value;
}

}  // namespace

RunWords split_run_words(const Words& words) {
  RunWords out;
  auto word = words.begin();
  for (; word != words.end(); ++word) {
    if (*word == "--without-dns")
      out.without_dns = true;
    else if (*word == "--no-rewrite-hosts")
      out.no_rewrite_hosts = true;
    else if (*word == "--no-multicast-route")
      out.no_multicast_route = true;
    else if (*word == "--with-dns")  // of Weave Net 1.0, the default since then
      out.without_dns = false;
    else if (word->starts_with(kTimeout))
      out.timeout = seconds(word->substr(kTimeout.size()));
    else if (*word == "--timeout" && word + 1 != words.end())
      out.timeout = seconds(*++word);
    else
      break;
  }
  for (; word != words.end(); ++word) {
    auto address = parse_address(*word);
    if (!address) break;
    out.addresses.push_back(*address);
  }
  out.docker.assign(word, words.end());
  return out;
}

Words added_hosts(const Words& words) {
  auto docker_arguments = docker_options(words);
  Words hosts;
  constexpr std::string_view option = "--add-host";
  for (size_t i = 0; i < docker_arguments.size(); ++i) {
    const auto& word = docker_arguments[i];
    if (word == option && i + 1 < docker_arguments.size())
      hosts.push_back(docker_arguments[i + 1]);
    else if (word.starts_with(std::string(option) + "="))
      hosts.push_back(word.substr(option.size() + 1));
  }
  return hosts;
}

namespace {

struct Ended {
  int status = 0;
  std::string output;  // without the newline at the end
};

// The docker client with our stdin and stderr; `quiet`: what it says of errors is dropped.
Ended docker(Words arguments, bool quiet = false) {
  arguments.insert(arguments.begin(), "docker");
  Pipe pipe;
  pid_t pid = 0;
  try {
    std::vector<std::pair<int, int>> fds{{1, pipe.write.get()}};
    UniqueFd nowhere;
    if (quiet) {
      nowhere = UniqueFd(::open("/dev/null", O_WRONLY | O_CLOEXEC));
      fds.emplace_back(2, nowhere.get());
    }
    pid = spawn({.program = "docker", .arguments = arguments, .fds = fds});
  } catch (const Error& error) {
    throw Error(error.what(),
                "this command needs the docker client in PATH; or use 'docker run' and 'weave attach', or "
                "the network 'weave'");
  }
  pipe.write.reset();
  Ended ended;
  char buffer[4096];
  for (ssize_t got; (got = ::read(pipe.read.get(), buffer, sizeof buffer)) != 0;) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) break;
    ended.output.append(buffer, static_cast<size_t>(got));
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  ended.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  while (ended.output.ends_with('\n')) ended.output.pop_back();
  return ended;
}

// Attaches a container that has just been started; when that fails, it is killed: it would run without its network.
void attach_or_kill(const std::string& container, const std::vector<AddressWord>& addresses,
                    const AttachOptions& options) {
  try {
    attach_container(container, addresses, options);
  } catch (const Error&) {
    docker({"kill", container}, true);  // it may have ended by itself, which is then the reason
    throw;
  }
}

// No container is started when it could not be attached.
void require_router() {
  if (!router_client(Door::kSocket).running()) throw control::NotRunning();
}

int run(const Words& words) {
  auto given = split_run_words(words);
  if (given.docker.empty()) throw UsageError("weave run needs the arguments of 'docker run'.");
  require_router();
  Words warnings, arguments{"run", "-e", "WEAVE_CIDR=none"};
  if (!given.without_dns)
    for (auto& argument : dns_arguments_now(given.docker, warnings)) arguments.push_back(std::move(argument));
  arguments.push_back("-d");
  arguments.insert(arguments.end(), given.docker.begin(), given.docker.end());
  for (const auto& line : warnings) say(line);
  auto ended = docker(arguments);
  if (ended.status != 0) return ended.status;
  attach_or_kill(ended.output, given.addresses,
                 {.without_dns = given.without_dns,
                  .rewrite_hosts = !given.no_rewrite_hosts,
                  .no_multicast_route = given.no_multicast_route,
                  .add_hosts = added_hosts(given.docker),
                  .timeout = given.timeout});
  out(ended.output + "\n");
  return kDone;
}

int start(const Words& words, int timeout) {
  auto [addresses, container] = addresses_and_container("start", words);
  require_router();
  auto ended = docker({"start", container});
  if (ended.status != 0) return ended.status;
  attach_or_kill(container, addresses, {.timeout = timeout});
  out(ended.output + "\n");
  return kDone;
}

// The addresses that a container has by `weave attach` or `weave run`; those in Docker's networks come back by
// themselves. None for one that isn't attached or doesn't run.
std::vector<AddressWord> addresses_now(const std::string& container) {
  docker::Client client;
  auto inspected = docker::run_blocking(client.inspect_container(container));
  if (!inspected.running) return {};
  std::set<std::string> of_docker;
  for (const auto& [name, endpoint] : inspected.networks) of_docker.insert(endpoint.ip);
  std::vector<AddressWord> addresses;
  for (const auto& cidr : attached_addresses(inspected.id))
    if (!of_docker.contains(cidr.address.str()))
      addresses.push_back({.kind = AddressWord::kThis, .cidr = cidr, .text = cidr.str()});
  return addresses;
}

int restart(const std::string& container, int timeout) {
  require_router();
  auto addresses = addresses_now(container);
  auto ended = docker({"restart", container});
  if (ended.status != 0) return ended.status;
  if (!addresses.empty()) attach_or_kill(container, addresses, {.timeout = timeout});
  out(ended.output + "\n");
  return kDone;
}

}  // namespace

Command run_row() {
  static bool flag;  // only described: the words are split by hand, as most of them belong to docker
  static std::string value;
  Command command{.name = "run",
                  .group = "Containers",
                  .summary = "Run a container with addresses in the network",
                  .words = "[<addr> ...] <docker run argument> ..."};
  command.details =
      "Options and addresses come first; the rest is passed to 'docker run -d', with the output of 'weave dns-args'. "
      "Prints the container's id.";
  command.options = {
      {"--without-dns", "", "don't use weave's DNS server and don't register the container's name", &flag},
      {"--no-rewrite-hosts", "", "don't change the container's /etc/hosts", &flag},
      {"--no-multicast-route", "", "no route for multicast through the interface", &flag},
      {"--timeout", "<s>", "give up if there is no address after this many seconds (--timeout=<s>)", &value},
  };
  command.raw = true;
  command.run = run;
  return command;
}

Command start_row() {
  auto timeout = std::make_shared<int>();
  Command command{.name = "start",
                  .group = "Containers",
                  .summary = "Start a stopped container and attach it",
                  .words = "[<addr> ...] <container>"};
  command.options = {timeout_option(*timeout)};
  command.word_kind = WordKind::kContainer;
  command.run = [timeout](const Words& words) { return start(words, *timeout); };
  return command;
}

Command restart_row() {
  auto timeout = std::make_shared<int>();
  Command command{.name = "restart",
                  .group = "Containers",
                  .summary = "Restart a container and keep its addresses",
                  .words = "<container>"};
  command.options = {timeout_option(*timeout)};
  command.min_words = command.max_words = 1;
  command.word_kind = WordKind::kContainer;
  command.run = [timeout](const Words& words) { return restart(words[0], *timeout); };
  return command;
}

}  // namespace weave::cmd
