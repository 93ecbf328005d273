// For tests that run once for each family of addresses:
//   class Gate : public testing::TestWithParam<Family> {};
//   INSTANTIATE_TEST_SUITE_P(Families, Gate, each_family, family_name);
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "support/network.h"

namespace gatehouse::test {

inline const auto each_family = testing::Values(Family::v4, Family::v6);

inline std::string family_name(const testing::TestParamInfo<Family>& test) {
  return text_of(test.param);
}

}  // namespace gatehouse::test
