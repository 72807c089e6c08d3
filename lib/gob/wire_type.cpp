#include "gob/wire_type.hpp"

namespace weave::gob {

template <>
struct Shaped<CommonType> {
  static Shape make() {
    return structure("CommonType", {field<&CommonType::name>("Name"), field<&CommonType::id>("Id")});
  }
};
template <>
struct Shaped<ArrayType> {
  static Shape make() {
    return structure("arrayType", {field<&ArrayType::common>("CommonType"), field<&ArrayType::element>("Elem"),
                                   field<&ArrayType::length>("Len")});
  }
};
template <>
struct Shaped<SliceType> {
  static Shape make() {
    return structure("sliceType", {field<&SliceType::common>("CommonType"), field<&SliceType::element>("Elem")});
  }
};
template <>
struct Shaped<FieldType> {
  static Shape make() { return structure("fieldType", {field<&FieldType::name>("Name"), field<&FieldType::id>("Id")}); }
};
template <>
struct Shaped<StructType> {
  static Shape make() {
    return structure("structType", {field<&StructType::common>("CommonType"), field<&StructType::fields>("Field")});
  }
};
template <>
struct Shaped<MapType> {
  static Shape make() {
    return structure("mapType", {field<&MapType::common>("CommonType"), field<&MapType::key>("Key"),
                                 field<&MapType::element>("Elem")});
  }
};
template <>
struct Shaped<OpaqueType> {
  static Shape make() { return structure("gobEncoderType", {field<&OpaqueType::common>("CommonType")}); }
};

Shape Shaped<WireType>::make() {
  return structure(
      "wireType",
      {field<&WireType::array>("ArrayT"), field<&WireType::slice>("SliceT"), field<&WireType::structure>("StructT"),
       field<&WireType::map>("MapT"), field<&WireType::gob_encoder>("GobEncoderT"),
       field<&WireType::binary_marshaler>("BinaryMarshalerT"), field<&WireType::text_marshaler>("TextMarshalerT")});
}

std::map<int64_t, WireType> built_in_definitions() {
  enum : int64_t { array_id = 17, common_id, slice_id, struct_id, field_id, fields_id, map_id, opaque_id };
  auto fields_of = [](std::vector<FieldType> list) {
    WireType type;
    type.structure.emplace().fields = std::move(list);
    return type;
  };
  WireType list_of_fields;
  list_of_fields.slice.emplace().element = field_id;
  return {
      {id_wire_type, fields_of({{"ArrayT", array_id},
                                {"SliceT", slice_id},
                                {"StructT", struct_id},
                                {"MapT", map_id},
                                {"GobEncoderT", opaque_id},
                                {"BinaryMarshalerT", opaque_id},
                                {"TextMarshalerT", opaque_id}})},
      {array_id, fields_of({{"CommonType", common_id}, {"Elem", id_int}, {"Len", id_int}})},
      {common_id, fields_of({{"Name", id_string}, {"Id", id_int}})},
      {slice_id, fields_of({{"CommonType", common_id}, {"Elem", id_int}})},
      {struct_id, fields_of({{"CommonType", common_id}, {"Field", fields_id}})},
      {field_id, fields_of({{"Name", id_string}, {"Id", id_int}})},
      {fields_id, list_of_fields},
      {map_id, fields_of({{"CommonType", common_id}, {"Key", id_int}, {"Elem", id_int}})},
      {opaque_id, fields_of({{"CommonType", common_id}})},
  };
}

}  // namespace weave::gob
