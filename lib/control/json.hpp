// The report as a JSON value: private to this library, for the writers that walk it.
#pragma once
#include "control/report.hpp"
#include "template/json_text.hpp"

namespace weave::control {

using gotemplate::Json;
using gotemplate::json_text;

// `every_key`: parts that are off and optional strings appear too, as null and "": templates distinguish a part that is
// off from a field that doesn't exist.
Json json_value(const Report& report, bool every_key);

}  // namespace weave::control
