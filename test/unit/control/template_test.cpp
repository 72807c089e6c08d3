#include "control/report_text.hpp"

#include "golden.hpp"

using namespace weave::control;

namespace {

const Report& cluster() {
  static const Report report = golden_report("cluster3/docker1");
  return report;
}

std::string render(const std::string& text) {
  return render_template(text, cluster());
}

// Status and text of the failure.
std::string failure(const std::string& text, const Report& report = cluster()) {
  try {
    return "rendered: " + render_template(text, report);
  } catch (const TemplateError& error) {
    return fmt::format("{} {}", error.status(), error.what());
  }
}

}  // namespace

TEST_CASE("templates that scripts use") {
  CHECK(render("{{.Router.Name}}") == "12:d2:fe:7a:c1:f2");
  CHECK(render("{{ .Router.NickName}}") == "docker1");
  CHECK(render("{{len .Router.Peers}}") == "3");
  CHECK(render("{{.IPAM.DefaultSubnet}} {{.DNS.Domain}}") == "10.32.0.0/12 weave.local.");
  CHECK(render("{{range .Router.Targets}}{{.}}{{\"\\n\"}}{{end}}") == "192.168.48.99\n192.168.48.53:6783\n");
  CHECK(render("{{.VersionCheck.Enabled}} {{.VersionCheck}}") == "false version check update disabled");
  CHECK(render("{{json .Proxy}}") == R"({"Addresses":["unix:///var/run/weave/weave.sock"]})");
  CHECK(render("{{range .DNS.Entries}}{{if not .Tombstone}}{{.Hostname}} {{end}}{{end}}").find("web1.weave.local. ") !=
        std::string::npos);
}

TEST_CASE("template control structures") {
  CHECK(render("{{if .Plugin}}a{{else}}b{{end}}{{if .Router.Encryption}}c{{end}}") == "ac");
  CHECK(render("{{if false}}a{{else if eq 1 2}}b{{else if true}}c{{else}}d{{end}}") == "c");
  CHECK(render("{{with .Plugin}}{{.DriverName}}{{end}}{{with \"\"}}x{{else}}y{{end}}") == "weavey");
  CHECK(render("{{range $i, $p := .Router.Peers}}{{if $i}},{{end}}{{$p.NickName}}{{end}}").size() == 23);
  CHECK(render("{{range $i, $p := .Router.Peers}}{{if eq $i 1}}{{break}}{{end}}{{$i}}{{end}}") == "0");
  CHECK(render("{{range $i, $p := .Router.Peers}}{{if eq $i 1}}{{continue}}{{end}}{{$i}}{{end}}") == "02");
}

TEST_CASE("template variables, pipelines, trims and comments") {
  CHECK(render("{{$x := 1}}{{if true}}{{$x = 2}}{{$y := 3}}{{end}}{{$x}}") == "2");
  CHECK(render("{{.Router.Targets | len | printf \"%03d\"}}") == "002");
  CHECK(render("{{(index .Router.Targets 0)}}") == "192.168.48.99");
  CHECK(render("{{(index .Router.Peers 0).NickName}}").starts_with("docker"));
  CHECK(render("a {{- 1 -}} b {{- /* no */ -}} c{{/* more */}}") == "a1bc");
  CHECK(render("{{$.Version}}{{range .Router.Targets}}{{$.Ready}}{{end}}") == "2.8.1truetrue");
  CHECK(render("{{with $v := .Version}}{{$v}}{{end}}") == "2.8.1");
}

TEST_CASE("template functions") {
  CHECK(render("{{and 1 0}} {{or 0 \"x\"}} {{not 0}} {{eq 1 2 1}} {{ne 1 2}} {{lt 1 2}} {{ge 1 2}} {{le \"a\" \"b\"}} "
               "{{gt -1 1}}") == "0 x true true true true false true false");
  CHECK(render("{{and .IPAM.Paxos .IPAM.Paxos.Nope}}") == "<nil>");
  CHECK(render("{{slice \"abcdef\" 1 3}} {{index \"a\" 0}} {{len \"abc\"}} {{'a'}} {{0x10}} {{1.5}} {{`raw\\`}}") ==
        "bc 97 3 97 16 1.5 raw\\");
  CHECK(render("{{print 1 2 \"a\" \"b\" 3}}|{{println 1 \"a\"}}") == "1 2ab3|1 a\n");
  CHECK(render("{{html \"<a>\"}} {{urlquery \"a b\"}}") == "&lt;a&gt; a%20b");
}

TEST_CASE("printf prints as Go does") {
  CHECK(
      render("{{printf \"%-10s|%5d|%05d|%q|%t|%x|%X|%5.1f|%%|%v\" \"ab\" 42 -7 \"a\\\"\" true 255 \"hi\" 1.25 nil}}") ==
      "ab        |   42|-0007|\"a\\\"\"|true|ff|6869|  1.2|%|<nil>");
  CHECK(render("{{printf \"%d %s %d\" \"x\" 1}}") == "%!d(string=x) %!s(int=1) %!d(MISSING)");
  CHECK(render("{{printf \"%s\" \"a\" \"b\"}}") == "a%!(EXTRA string=b)");
  CHECK(render("{{printf \"%.2s|%+d|%6.2f\" \"abc\" 3 2.5}}") == "ab|+3|  2.50");
}

TEST_CASE("values print as Go prints them") {
  CHECK(render("{{.DNS.Upstream}} {{.IPAM.Paxos}}") == "[192.168.48.53] <nil>");
  CHECK(render("{{range .Router.Connections}}{{if eq .State \"established\"}}{{.Attrs.name}}{{.Attrs.nope}} "
               "{{end}}{{end}}") == "sleeve<no value> sleeve<no value> ");
  Report report;
  report.router.connections = {{"a", true, "established", "", {{"mtu", int64_t{1}}, {"encrypted", true}}}};
  CHECK(render_template("{{range .Router.Connections}}{{.Attrs}}{{end}}", report) == "map[encrypted:true mtu:1]");
  CHECK(render("{{(index .Router.Peers 0).UID}}").size() > 15);
}

TEST_CASE("wrong templates are refused with Go's error texts") {
  CHECK(failure("{{") == "400 template: format:1: unclosed action");
  CHECK(failure("a\n{{nosuchfunc .}}") == "400 template: format:2: function \"nosuchfunc\" not defined");
  CHECK(failure("{{if true}}") == "400 template: format:1: unexpected EOF");
  CHECK(failure("{{end}}") == "400 template: format:1: unexpected {{end}}");
  CHECK(failure("{{}}") == "400 template: format:1: missing value for command");
  CHECK(failure("{{$x}}") == "400 template: format:1: undefined variable \"$x\"");
  CHECK(failure("{{\"a}}") == "400 template: format:1: unterminated quoted string");
  CHECK(failure("{{define \"x\"}}{{end}}") == "400 template: format:1: {{define}} is not supported");
  CHECK(failure("{{break}}") == "400 template: format:1: {{break}} outside {{range}}");
  for (auto bad : {"{{(1}}", "{{1)}}", "{{.A.}}", "{{1 | 2}}", "{{/* x}}", "{{'ab'}}", "{{1x}}", "{{if}}{{end}}",
                   "{{else}}", "{{range $a, 1}}{{end}}", "{{\"\\q\"}}", "{{if 1}}{{else}}{{else}}{{end}}",
                   "{{with 1}}{{else if 1}}{{end}}", "{{\x01}}", "{{.A|}}", "{{ $x := }}"})
    CHECK(failure(bad).starts_with("400 template: format:1: "));
}

TEST_CASE("templates that fail on this report say why") {
  CHECK(failure("x{{.Nope}}") == "500 error during template execution: can't evaluate field Nope");
  CHECK(failure("{{index .Router.Targets 9}}") == "500 error during template execution: index out of range: 9");
  CHECK(failure("{{.IPAM.Range}}", {}) == "500 error during template execution: nil pointer evaluating field Range");
  CHECK(render_template("{{if .IPAM}}on{{else}}off{{end}}", {}) == "off");
  for (auto bad : {"{{eq 1 \"a\"}}", "{{len 3}}", "{{.Version.A}}", "{{range .Version}}{{end}}", "{{.Version 1}}",
                   "{{not}}", "{{index \"a\" -1}}", "{{slice \"abc\" 2 1}}", "{{slice 1}}", "{{printf 1}}"})
    CHECK(failure(bad).starts_with("500 error during template execution: "));
}

TEST_CASE("templates have limits") {
  CHECK(failure(std::string(70'000, 'x')).starts_with("400"));
  std::string deep, parens;
  for (int i = 0; i < 100; ++i) deep += "{{if true}}", parens += "(";
  CHECK(failure(deep) == "400 template: format:1: nested too deeply");
  CHECK(failure("{{" + parens + "}}") == "400 template: format:1: nested too deeply");
  std::string format, args;
  for (int i = 0; i < 20; ++i) format += "%999999v", args += " 1";
  CHECK(failure("{{printf \"" + format + "\"" + args + "}}") ==
        "500 error during template execution: output longer than 16 MiB");
  std::string loops;
  for (int i = 0; i < 30; ++i) loops += "{{range $.Router.Peers}}";
  for (int i = 0; i < 30; ++i) loops += "{{end}}";
  CHECK(failure(loops) == "500 error during template execution: too many steps");
}

TEST_CASE("paths pick values, bare strings and JSON otherwise, one a line") {
  CHECK(json_path(".Router.NickName", cluster()) == "docker1\n");
  CHECK(json_path(".Router.Targets[1]", cluster()) == "192.168.48.53:6783\n");
  CHECK(json_path(".Router.Targets[]", cluster()) == "192.168.48.99\n192.168.48.53:6783\n");
  CHECK(sorted_lines(json_path(".Router.Peers[].NickName", cluster())) ==
        std::vector<std::string>{"docker1", "docker2", "docker3"});
  CHECK(json_path(".Router.TrustedSubnets", cluster()) == "[\"10.10.0.0/16\",\"192.168.48.12/32\"]\n");
  CHECK(json_path(".IPAM", {}) == "null\n");
  CHECK(json_path(".", cluster()).starts_with("{\"Ready\":true"));
  CHECK(json_path("", cluster()) == json_path(".", cluster()));
  for (auto bad : {"Router", ".Nope", ".Router.", ".Router.Targets[", ".Router.Targets[x]", ".Router.Targets[7]",
                   ".Version[]", "..", ".Router[0]"})
    CHECK_THROWS_AS(json_path(bad, cluster()), TemplateError);
}
