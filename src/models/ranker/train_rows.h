// Rows of a ranker's tables by what they stand for: carried over from one version to the next, and
// left out where they say nothing.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "artefact/artefact.h"
#include "base/result.h"
#include "features/ranking_fields.h"
#include "infer/network_spec.h"

namespace palate {

// A network whose tables have other rows than the artefact that it comes from, in fp32; all other
// tensors are that one's.
struct RankerTables {
  NetworkSpec spec;
  std::map<std::string, std::vector<float>> tables;  // by field; those that are not here stay
};
// Adds the network's tensors of `of` with these tables. `of` must live until the artefact is
// committed.
void add_tensors(const Artefact& of, const RankerTables& with, ArtefactWriter& out);

// Tables for the fields `now`: what an id has read in the last version is what it starts with,
// whether it had a row of its own then, or shared one; but one that goes from a narrow row to a
// wide one, or back, starts at row 0 of that. Rows that are shared stay where their number and rule
// do. All of them are in fp32, whatever `last` keeps. `items`: the catalogue that both versions
// count in. Errors: kCorrupt where the last version does not hold together.
Result<RankerTables> carried_tables(const std::shared_ptr<const Artefact>& last,
                                    const RankingFields& now, const Catalogue::View& items);

// Without rows of frequent ids that are the same as row 0 in every table: such ids read it as well,
// and histories get rows of their own, since few items are in one. What a network says stays the
// same. Ids that share rows by hash stay. Errors: kCorrupt where network and fields do not fit.
struct PrunedRanker {
  RankerTables tables;
  RankingFields::Parts fields;
  uint64_t rows = 0, dropped = 0;  // of all tables, before and of those
};
Result<PrunedRanker> pruned(const Artefact& network, const RankingFields& fields);

}  // namespace palate
