// What `palate import` tells people and programs: how each file was understood, what came of it,
// and why rows were refused.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "events/event_types.h"
#include "events/reader.h"
#include "ingest/import.h"

namespace palate {

// How `file` will be read, from its first bytes. Errors: those of open_events() and the like.
Result<SourceInfo> understand(RecordKind kind, const ImportFile& file, const EventTypes& types);

// "events of a.csv: user=customer_id,item=sku; type click; no time …": in the words of
// --import.map, so that what is wrong can be said back differently.
std::string describe(RecordKind kind, const ImportFile& file, const SourceInfo& info);
nlohmann::ordered_json describe_json(RecordKind kind, const ImportFile& file,
                                     const SourceInfo& info);

// What was new, known, refused and why, with the first refused row of each reason. `files` is how
// many there were; nothing is printed for none.
void print_summary(std::string_view what, size_t files, const ImportSummary& summary);
nlohmann::ordered_json summary_json(const ImportSummary& summary);

// kInvalidArgument when there were rows and every one was refused: nobody means that.
Status check_some_accepted(std::string_view what, const ImportSummary& summary);
// kConflict with the reasons when a file was set aside.
Status check_none_set_aside(const ImportSummary& summary);

}  // namespace palate
