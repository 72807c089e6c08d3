// Scanner and recursive-descent parser. The scanner cuts the text into pieces of text and actions and actions into
// tokens; blanks matter only in that ".A.B" is one chain and ".A .B" are two operands, so a token knows whether a blank
// stood before it.
#include "template/syntax.hpp"

#include <charconv>

namespace weave::gotemplate::syntax {
namespace {

constexpr size_t kMaxText = 64 * 1024;
constexpr int kMaxNesting = 64;

const std::set<std::string_view> kFunctions{"and",   "or",     "not",     "eq",   "ne",    "lt",
                                            "le",    "gt",     "ge",      "len",  "index", "slice",
                                            "print", "printf", "println", "json", "html",  "urlquery"};

struct Token {
  enum Kind { kText, kOpen, kClose, kEnd, kField, kDot, kVariable, kWord, kLiteral, kSign } kind = kEnd;
  std::string text;  // of fields without the dot
  Json literal;
  int line = 1;
  bool blank_before = false;
};

bool space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}
bool letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool digit(char c) {
  return c >= '0' && c <= '9';
}

void append_utf8(std::string& out, uint32_t rune) {
  if (rune < 0x80) {
    out += static_cast<char>(rune);
  } else if (rune < 0x800) {
    out += static_cast<char>(0xc0 | (rune >> 6));
    out += static_cast<char>(0x80 | (rune & 0x3f));
  } else if (rune < 0x10000) {
    out += static_cast<char>(0xe0 | (rune >> 12));
    out += static_cast<char>(0x80 | ((rune >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (rune & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | (rune >> 18));
    out += static_cast<char>(0x80 | ((rune >> 12) & 0x3f));
    out += static_cast<char>(0x80 | ((rune >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (rune & 0x3f));
  }
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::vector<Token> run() {
    bool trim = false;
    while (at_ < text_.size()) {
      auto open = text_.find("{{", at_);
      auto piece = text_.substr(at_, open == std::string_view::npos ? open : open - at_);
      int first_line = line_;
      advance(piece.size());
      if (trim) piece.remove_prefix(std::min(piece.find_first_not_of(" \t\r\n"), piece.size()));
      bool trim_before = open != std::string_view::npos && text_.substr(open, 3) == "{{-" && open + 3 < text_.size() &&
                         space(text_[open + 3]);
      if (trim_before) piece = piece.substr(0, piece.find_last_not_of(" \t\r\n") + 1);
      if (!piece.empty()) push(Token{Token::kText, std::string(piece), {}, first_line});
      if (open == std::string_view::npos) break;
      advance(trim_before ? 3 : 2);
      trim = action();
    }
    push(Token{Token::kEnd, "", {}, line_});
    return std::move(tokens_);
  }

  [[noreturn]] static void fail(int line, std::string_view what) {
    throw TemplateError(400, fmt::format("template: format:{}: {}", line, what));
  }

 private:
  void push(Token token) { tokens_.push_back(std::move(token)); }
  void advance(size_t n) {
    line_ += static_cast<int>(
        std::count(text_.begin() + static_cast<ptrdiff_t>(at_), text_.begin() + static_cast<ptrdiff_t>(at_ + n), '\n'));
    at_ += n;
  }
  std::string_view rest() const { return text_.substr(at_); }

  // The inside of an action, its end included; true when the text behind it is to be trimmed.
  bool action() {
    auto begin = rest().find_first_not_of(" \t\r\n");
    if (begin != std::string_view::npos && rest().substr(begin).starts_with("/*")) {
      auto end = rest().find("*/", begin + 2);
      if (end == std::string_view::npos) fail(line_, "unclosed comment");
      advance(end + 2);
      auto blanks = std::min(rest().find_first_not_of(" \t\r\n"), rest().size());
      bool trim = blanks > 0 && rest().substr(blanks).starts_with("-}}");
      if (!trim && !rest().starts_with("}}")) fail(line_, "comment ends before closing delimiter");
      advance(trim ? blanks + 3 : 2);
      return trim;
    }
    push(Token{Token::kOpen, "{{", {}, line_});
    for (bool blank = false;;) {
      if (at_ >= text_.size()) fail(line_, "unclosed action");
      if (space(text_[at_])) {
        advance(1);
        blank = true;
        continue;
      }
      bool trim = blank && rest().starts_with("-}}");
      if (trim || rest().starts_with("}}")) {
        push(Token{Token::kClose, "}}", {}, line_});
        advance(trim ? 3 : 2);
        return trim;
      }
      auto token = next();
      token.blank_before = blank;
      blank = false;
      push(std::move(token));
    }
  }

  std::string word() {
    size_t n = 0;
    while (n < rest().size() && (letter(rest()[n]) || digit(rest()[n]))) ++n;
    auto out = std::string(rest().substr(0, n));
    advance(n);
    return out;
  }

  Token next() {
    Token token;
    token.line = line_;
    char c = text_[at_];
    char following = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
    if (c == '.' && letter(following)) {
      advance(1);
      token.kind = Token::kField;
      token.text = word();
    } else if (c == '$') {
      advance(1);
      token.kind = Token::kVariable;
      token.text = "$" + word();
    } else if (letter(c)) {
      token.kind = Token::kWord;
      token.text = word();
      if (token.text == "true" || token.text == "false") {
        token.kind = Token::kLiteral;
        token.literal = token.text == "true";
      } else if (token.text == "nil") {
        token.kind = Token::kLiteral;
      }
    } else if (c == '"' || c == '\'' || c == '`') {
      token.kind = Token::kLiteral;
      auto text = quoted(c);
      if (c == '\'')
        token.literal = rune(text);
      else
        token.literal = std::move(text);
    } else if (digit(c) || ((c == '-' || c == '+' || c == '.') && (digit(following) || following == '.'))) {
      token.kind = Token::kLiteral;
      token.literal = number();
    } else if (c == '.') {
      advance(1);
      token.kind = Token::kDot;
    } else {
      token.kind = Token::kSign;
      token.text = rest().starts_with(":=") ? ":=" : std::string(1, c);
      if (std::string_view("|(),=").find(c) == std::string_view::npos && token.text != ":=")
        fail(line_, fmt::format("unexpected \"{}\" in command", c));
      advance(token.text.size());
    }
    return token;
  }

  Json number() {
    size_t n = 0;
    while (n < rest().size() &&
           (letter(rest()[n]) || digit(rest()[n]) || rest()[n] == '.' ||
            ((rest()[n] == '-' || rest()[n] == '+') && (n == 0 || rest()[n - 1] == 'e' || rest()[n - 1] == 'E'))))
      ++n;
    auto text = std::string(rest().substr(0, n));
    const char* begin = text.data() + (text[0] == '+' ? 1 : 0);
    const char* end = text.data() + text.size();
    bool negative = *begin == '-';
    if (std::string_view(begin + negative, end).starts_with("0x")) {
      uint64_t value = 0;
      auto parsed = std::from_chars(begin + negative + 2, end, value, 16);
      if (parsed.ec == std::errc() && parsed.ptr == end && value <= INT64_MAX) {
        advance(n);
        return negative ? -static_cast<int64_t>(value) : static_cast<int64_t>(value);
      }
    }
    int64_t integer = 0;
    uint64_t large = 0;
    double real = 0;
    if (auto parsed = std::from_chars(begin, end, integer); parsed.ec == std::errc() && parsed.ptr == end) {
      advance(n);
      return integer;
    }
    if (auto parsed = std::from_chars(begin, end, large); parsed.ec == std::errc() && parsed.ptr == end) {
      advance(n);
      return large;
    }
    if (auto parsed = std::from_chars(begin, end, real); parsed.ec == std::errc() && parsed.ptr == end) {
      advance(n);
      return real;
    }
    fail(line_, fmt::format("bad number syntax: \"{}\"", text));
  }

  std::string quoted(char quote) {
    int first_line = line_;
    auto unterminated = [&] {
      fail(first_line, quote == '"'   ? "unterminated quoted string"
                       : quote == '`' ? "unterminated raw quoted string"
                                      : "unterminated character constant");
    };
    std::string out;
    for (size_t i = 1;; ++i) {
      if (i >= rest().size()) unterminated();
      char c = rest()[i];
      if (c == quote) {
        advance(i + 1);
        return out;
      }
      if (quote == '`') {
        out += c;
        continue;
      }
      if (c == '\n') unterminated();
      if (c != '\\') {
        out += c;
        continue;
      }
      if (++i >= rest().size()) unterminated();
      i = escape(i, out);
    }
  }

  // One escape whose letter stands at `i`; where its last character stands.
  size_t escape(size_t i, std::string& out) {
    static constexpr std::string_view letters = "abfnrtv\\'\"", meanings = "\a\b\f\n\r\t\v\\'\"";
    char c = rest()[i];
    if (auto simple = letters.find(c); simple != std::string_view::npos) {
      out += meanings[simple];
      return i;
    }
    size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : c >= '0' && c <= '7' ? 3 : 0;
    size_t begin = digits == 3 ? i : i + 1;
    uint32_t value = 0;
    auto text = rest().substr(std::min(begin, rest().size()), digits);
    auto parsed = std::from_chars(text.data(), text.data() + text.size(), value, digits == 3 ? 8 : 16);
    if (digits == 0 || text.size() != digits || parsed.ec != std::errc() || parsed.ptr != text.data() + digits ||
        value > (digits <= 3 ? 0xffu : 0x10ffffu))
      fail(line_, "invalid syntax");
    if (digits <= 3)
      out += static_cast<char>(value);
    else
      append_utf8(out, value);
    return begin + digits - 1;
  }

  // The code point of a character constant.
  int64_t rune(const std::string& text) {
    if (text.empty()) fail(line_, "malformed character constant: ''");
    auto lead = static_cast<uint8_t>(text[0]);
    size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (text.size() != size) fail(line_, fmt::format("malformed character constant: '{}'", text));
    int64_t value = size == 1 ? lead : lead & (0xff >> (size + 1));
    for (size_t i = 1; i < size; ++i) value = (value << 6) | (static_cast<uint8_t>(text[i]) & 0x3f);
    return value;
  }

  std::string_view text_;
  size_t at_ = 0;
  int line_ = 1;
  std::vector<Token> tokens_;
};

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  std::vector<Node> run() {
    auto nodes = list(false);
    return nodes;
  }

 private:
  enum Stop { kEof, kElse, kElseIf, kEndWord };

  const Token& peek() const { return tokens_[at_]; }
  Token take() { return tokens_[std::min(at_++, tokens_.size() - 1)]; }
  bool sign(std::string_view text) const { return peek().kind == Token::kSign && peek().text == text; }
  [[noreturn]] void fail(std::string_view what) const { Scanner::fail(peek().line, what); }
  void close(std::string_view where) {
    if (peek().kind != Token::kClose) fail(fmt::format("unexpected {} in {}", described(peek()), where));
    take();
  }
  static std::string described(const Token& token) {
    switch (token.kind) {
      case Token::kEnd:
        return "EOF";
      case Token::kField:
        return fmt::format("<.{}>", token.text);
      case Token::kDot:
        return "<.>";
      case Token::kLiteral:
        return token.literal.dump();
      default:
        return fmt::format("\"{}\"", token.text);
    }
  }

  // Nodes up to {{end}} or {{else}} (inside a control) or the end of the text; why it stopped is in stop_.
  std::vector<Node> list(bool inside) {
    std::vector<Node> nodes;
    for (;;) {
      if (peek().kind == Token::kEnd) {
        if (inside) fail("unexpected EOF");
        stop_ = kEof;
        return nodes;
      }
      auto token = take();
      if (token.kind == Token::kText) {
        nodes.push_back(Node{Node::kText, std::move(token.text)});
        continue;
      }
      // An action.
      auto word = peek().kind == Token::kWord ? peek().text : "";
      if (word == "end" || word == "else") {
        if (!inside) fail(fmt::format("unexpected {{{{{}}}}}", word));
        take();
        stop_ = word == "end" ? kEndWord : kElse;
        if (stop_ == kElse && peek().kind == Token::kWord && peek().text == "if") {
          stop_ = kElseIf;  // the caller reads the condition
          return nodes;
        }
        close(word);
        return nodes;
      }
      nodes.push_back(action(word));
    }
  }

  Node action(const std::string& word) {
    if (word == "if" || word == "range" || word == "with") {
      take();
      return control(word == "if" ? Node::kIf : word == "range" ? Node::kRange : Node::kWith, word);
    }
    if (word == "break" || word == "continue") {
      if (loops_ == 0) fail(fmt::format("{{{{{}}}}} outside {{{{range}}}}", word));
      take();
      close(word);
      return Node{word == "break" ? Node::kBreak : Node::kContinue};
    }
    if (word == "define" || word == "template" || word == "block")
      fail(fmt::format("{{{{{}}}}} is not supported", word));
    Node node{Node::kAction};
    node.pipeline = pipeline("command", false);
    close("command");
    return node;
  }

  Node control(Node::Kind kind, const std::string& word) {
    Deeper deeper(*this);
    auto outer = variables_.size();
    Node node{kind};
    node.pipeline = pipeline(word, kind == Node::kRange);
    close(word);
    loops_ += kind == Node::kRange;
    node.body = list(true);
    loops_ -= kind == Node::kRange;
    if (stop_ == kElseIf) {
      if (kind != Node::kIf) fail("unexpected <if> in else");
      take();
      node.otherwise.push_back(control(Node::kIf, "if"));
    } else if (stop_ == kElse) {
      node.otherwise = list(true);
      if (stop_ != kEndWord) fail("expected end; found {{else}}");
    }
    variables_.resize(outer);
    return node;
  }

  Pipeline pipeline(std::string_view where, bool two) {
    Deeper deeper(*this);
    Pipeline out;
    if (peek().kind == Token::kVariable) declaration(out, two);
    for (;;) {
      out.commands.push_back(command(where));
      if (out.commands.size() > 1 && out.commands.back()[0].kind == Operand::kLiteral)
        fail(fmt::format("non executable command in pipeline stage {}", out.commands.size()));
      if (!sign("|")) break;
      take();
    }
    // Visible only behind the pipeline itself.
    if (!out.assign) variables_.insert(variables_.end(), out.declared.begin(), out.declared.end());
    return out;
  }

  void declaration(Pipeline& out, bool two) {
    auto begin = at_;
    out.declared.push_back(take().text);
    if (two && sign(",")) {
      take();
      if (peek().kind != Token::kVariable) fail("range can only initialize variables");
      out.declared.push_back(take().text);
    }
    if (sign(":=") || sign("=")) {
      out.assign = take().text == "=";
      for (const auto& name : out.declared)
        if (out.assign) known(name);
      return;
    }
    if (out.declared.size() > 1) fail("missing := in range");
    at_ = begin;  // just an operand
    out.declared.clear();
  }

  void known(const std::string& name) const {
    if (name != "$" && std::find(variables_.begin(), variables_.end(), name) == variables_.end())
      fail(fmt::format("undefined variable \"{}\"", name));
  }

  Command command(std::string_view where) {
    Command out;
    while (peek().kind != Token::kClose && peek().kind != Token::kEnd && !sign("|") && !sign(")")) {
      if (!out.empty() && !peek().blank_before && peek().kind != Token::kSign)
        fail(fmt::format("unexpected {} in operand", described(peek())));
      out.push_back(operand(where));
    }
    if (out.empty())
      fail(where == "command" ? "missing value for command" : fmt::format("missing value for {}", where));
    return out;
  }

  Operand operand(std::string_view where) {
    Operand out;
    auto token = take();
    switch (token.kind) {
      case Token::kDot:
        break;
      case Token::kField:
        out.fields.push_back(token.text);
        break;
      case Token::kVariable:
        --at_;
        known(token.text);
        ++at_;
        out.kind = Operand::kVariable;
        out.name = token.text;
        break;
      case Token::kLiteral:
        out.kind = Operand::kLiteral;
        out.literal = std::move(token.literal);
        return out;
      case Token::kWord:
        if (!kFunctions.contains(token.text))
          Scanner::fail(token.line, fmt::format("function \"{}\" not defined", token.text));
        out.kind = Operand::kFunction;
        out.name = token.text;
        return out;
      default:
        if (token.kind != Token::kSign || token.text != "(")
          Scanner::fail(token.line, fmt::format("unexpected {} in {}", described(token), where));
        out.kind = Operand::kPipeline;
        out.pipeline = std::make_shared<Pipeline>(pipeline("parenthesized pipeline", false));
        if (!sign(")")) fail("unclosed left paren");
        take();
    }
    while (peek().kind == Token::kField && !peek().blank_before) out.fields.push_back(take().text);
    return out;
  }

  struct Deeper {
    Parser& parser;
    explicit Deeper(Parser& p) : parser(p) {
      if (++parser.depth_ > kMaxNesting) parser.fail("nested too deeply");
    }
    ~Deeper() { --parser.depth_; }
  };

  std::vector<Token> tokens_;
  size_t at_ = 0;
  int depth_ = 0, loops_ = 0;
  Stop stop_ = kEof;
  std::vector<std::string> variables_;
};

}  // namespace

std::vector<Node> parse(std::string_view text) {
  if (text.size() > kMaxText) throw TemplateError(400, "template: format:1: longer than 64 KiB");
  return Parser(Scanner(text).run()).run();
}

}  // namespace weave::gotemplate::syntax
