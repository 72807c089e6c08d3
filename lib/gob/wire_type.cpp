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
  enum : int64_t { kArrayId = 17, kCommonId, kSliceId, kStructId, kFieldId, kFieldsId, kMapId, kOpaqueId };
  auto fields_of = [](std::vector<FieldType> list) {
    WireType type;
    type.structure.emplace().fields = std::move(list);
    return type;
  };
  WireType list_of_fields;
  list_of_fields.slice.emplace().element = kFieldId;
  return {
      {kIdWireType, fields_of({{"ArrayT", kArrayId},
                               {"SliceT", kSliceId},
                               {"StructT", kStructId},
                               {"MapT", kMapId},
                               {"GobEncoderT", kOpaqueId},
                               {"BinaryMarshalerT", kOpaqueId},
                               {"TextMarshalerT", kOpaqueId}})},
      {kArrayId, fields_of({{"CommonType", kCommonId}, {"Elem", kIdInt}, {"Len", kIdInt}})},
      {kCommonId, fields_of({{"Name", kIdString}, {"Id", kIdInt}})},
      {kSliceId, fields_of({{"CommonType", kCommonId}, {"Elem", kIdInt}})},
      {kStructId, fields_of({{"CommonType", kCommonId}, {"Field", kFieldsId}})},
      {kFieldId, fields_of({{"Name", kIdString}, {"Id", kIdInt}})},
      {kFieldsId, list_of_fields},
      {kMapId, fields_of({{"CommonType", kCommonId}, {"Key", kIdInt}, {"Elem", kIdInt}})},
      {kOpaqueId, fields_of({{"CommonType", kCommonId}})},
  };
}

}  // namespace weave::gob
