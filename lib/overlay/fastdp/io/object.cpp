#include "overlay/fastdp/io/object.hpp"

// libbpf wants it aligned as a structure.
asm(".pushsection .rodata\n"
    ".balign 16\n"
    "weave_fastdp_object:\n"
    ".incbin \"" WEAVE_FASTDP_OBJECT
    "\"\n"
    "weave_fastdp_object_end:\n"
    ".popsection\n");

extern "C" const uint8_t weave_fastdp_object[];
extern "C" const uint8_t weave_fastdp_object_end[];

namespace weave::overlay {

ByteView fastdp_object() {
  return {weave_fastdp_object, weave_fastdp_object_end};
}

}  // namespace weave::overlay
