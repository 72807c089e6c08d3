#include "migrate/bolt.hpp"

#include <fmt/format.h>

#include <bit>
#include <functional>
#include <optional>

namespace weave::migrate {
namespace {

constexpr size_t kHeaderSize = 16, kElementSize = 16, kBucketSize = 16;
constexpr size_t kMetaSummed = 56;  // bytes of a meta that its checksum covers
constexpr size_t kMinPage = 512, kMaxPage = 1 << 20;
constexpr uint32_t kMagic = 0xed0cdaed, kFormatVersion = 2;
constexpr uint16_t kIsBranch = 1, kIsLeaf = 2, kIsMeta = 4;
constexpr uint32_t kIsBucket = 1;
constexpr size_t kMaxDepth = 32;  // of a tree; each level multiplies what it holds

uint64_t little(Reader& in, size_t size) {
  uint64_t value = 0;
  auto bytes = in.bytes(size);
  for (size_t i = 0; i < bytes.size(); ++i) value |= uint64_t{bytes[i]} << (8 * i);
  return value;
}
uint16_t little16(Reader& in) {
  return static_cast<uint16_t>(little(in, 2));
}
uint32_t little32(Reader& in) {
  return static_cast<uint32_t>(little(in, 4));
}

struct Meta {
  size_t page_size = 0;
  uint64_t root = 0, pages = 0, transaction = 0;
};

std::optional<Meta> read_meta(ByteView file, size_t offset) {
  Reader in(file);
  in.seek(offset);
  in.skip(8);
  auto flags = little16(in);
  in.skip(6);
  if (!in.ok() || in.left() < kMetaSummed) return std::nullopt;
  auto sum = bolt_checksum(in.rest().first(kMetaSummed));
  bool known = little32(in) == kMagic && little32(in) == kFormatVersion;
  Meta meta;
  meta.page_size = little32(in);
  in.skip(4);
  meta.root = little(in, 8);
  in.skip(8 + 8);
  meta.pages = little(in, 8);
  meta.transaction = little(in, 8);
  if (little(in, 8) != sum || !in.ok() || !known || !(flags & kIsMeta)) return std::nullopt;
  if (meta.page_size < kMinPage || meta.page_size > kMaxPage || !std::has_single_bit(meta.page_size))
    return std::nullopt;
  return meta;
}

// The second meta stands one page in, but only a meta says how long a page is.
std::optional<Meta> newest_meta(ByteView file) {
  auto best = read_meta(file, 0);
  for (size_t size = kMinPage; size <= kMaxPage; size *= 2) {
    auto second = read_meta(file, size);
    if (second && second->page_size == size && (!best || second->transaction > best->transaction)) best = second;
  }
  return best;
}

class Tree {
 public:
  struct Item {
    ByteView key, value;
    bool bucket = false;
  };

  Tree(ByteView file, const Meta& meta) : file_(file), meta_(meta), pages_left_(meta.pages) {}

  // Calls back for all items below a page. No page is read twice, or what a loop costs would have no bound.
  Result<void> walk(uint64_t page, const std::function<void(const Item&)>& visit, size_t depth = 0) {
    if (depth > kMaxDepth) return Refused("its tree is too deep");
    if (page < 2 || page >= meta_.pages) return Refused(fmt::format("it refers to page {}, which isn't there", page));
    auto whole = file_.subspan(page * meta_.page_size);
    Reader in(whole);
    auto id = little(in, 8);
    auto flags = little16(in);
    in.skip(2);
    uint64_t overflow = little32(in);
    if (id != page || overflow >= meta_.pages - page) return Refused(fmt::format("page {} is damaged", page));
    if (overflow + 1 > pages_left_) return Refused("its tree has a loop");
    pages_left_ -= overflow + 1;
    whole = whole.first((overflow + 1) * meta_.page_size);
    if (flags & kIsLeaf) return walk_leaf(whole, visit);
    if (!(flags & kIsBranch)) return Refused(fmt::format("page {} is neither leaf nor branch", page));
    return walk_branch(whole, visit, depth);
  }

  Result<void> walk_leaf(ByteView page, const std::function<void(const Item&)>& visit) {
    Reader in(page);
    in.skip(10);
    size_t count = little16(in);
    for (size_t i = 0; i < count; ++i) {
      auto start = kHeaderSize + i * kElementSize;
      in.seek(start);
      Item item;
      item.bucket = little32(in) & kIsBucket;
      uint64_t position = little32(in), key_size = little32(in), value_size = little32(in);
      in.seek(start + position);
      item.key = in.bytes(key_size);
      item.value = in.bytes(value_size);
      if (!in.ok()) return Refused("an element lies outside of its page");
      visit(item);
    }
    return {};
  }

 private:
  Result<void> walk_branch(ByteView page, const std::function<void(const Item&)>& visit, size_t depth) {
    Reader in(page);
    in.skip(10);
    size_t count = little16(in);
    for (size_t i = 0; i < count; ++i) {
      in.seek(kHeaderSize + i * kElementSize);
      in.skip(8);
      auto child = little(in, 8);
      if (!in.ok()) return Refused("an element lies outside of its page");
      if (auto done = walk(child, visit, depth + 1); !done) return done;
    }
    return {};
  }

  ByteView file_;
  const Meta& meta_;
  uint64_t pages_left_;
};

}  // namespace

uint64_t bolt_checksum(ByteView bytes) {
  uint64_t sum = 0xcbf29ce484222325;
  for (auto byte : bytes) sum = (sum ^ byte) * 0x100000001b3;
  return sum;
}

Result<std::map<std::string, ByteView>> read_bolt_bucket(ByteView file, std::string_view bucket) {
  auto meta = newest_meta(file);
  if (!meta) return Refused("it is no BoltDB file, or damaged at its beginning");
  if (meta->pages > file.size() / meta->page_size)
    return Refused(
        fmt::format("it is cut off: {} bytes are there of {} pages of {}", file.size(), meta->pages, meta->page_size));
  Tree tree(file, *meta);
  std::optional<ByteView> found;
  auto done = tree.walk(meta->root, [&](const Tree::Item& item) {
    if (item.bucket && as_text(item.key) == bucket) found = item.value;
  });
  if (!done) return Refused(done.error());
  std::map<std::string, ByteView> values;
  if (!found) return values;
  auto add = [&](const Tree::Item& item) {
    if (!item.bucket) values.insert_or_assign(std::string(as_text(item.key)), item.value);
  };
  if (found->size() < kBucketSize) return Refused("a bucket is damaged");
  Reader in(*found);
  auto root = little(in, 8);
  auto read = root != 0 ? tree.walk(root, add) : tree.walk_leaf(found->subspan(kBucketSize), add);
  if (!read) return Refused(read.error());
  return values;
}

}  // namespace weave::migrate
