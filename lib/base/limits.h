// The limits of libstorpool: all that bound users, and all that two folders agree on (those of the
// JSON API are in api_limits.h). Each says what it bounds and why it has that value, with its unit
// in its name; relations between limits are static assertions, so that one cannot be changed alone.
// What only one file needs, as how long it rests or how much it remembers, stays in that file.
#pragma once

#include <cstddef>
#include <cstdint>

namespace storpool {

// Sizes of the data model. All of them are part of the disk format (docs/disk-format.md).
inline constexpr uint32_t kSectorBytes = 512;       // what front ends address
inline constexpr uint32_t kBlockBytes = 4096;       // the unit of versions and checksums
inline constexpr uint32_t kChunkBytes = 32u << 20;  // the unit of placement
inline constexpr uint32_t kSectorsPerBlock = kBlockBytes / kSectorBytes;
inline constexpr uint32_t kBlocksPerChunk = kChunkBytes / kBlockBytes;
inline constexpr uint32_t kSegmentBytes = 32u << 20;  // the unit of cleaning (design 4.1)
inline constexpr uint64_t kVolumeBytesMax = uint64_t{1} << 50;

// The largest request inside a chain; a write never spans two batches (design 4.2).
inline constexpr uint32_t kRequestBytesMax = 1u << 20;
inline constexpr uint32_t kRequestBlocksMax = kRequestBytesMax / kBlockBytes;

// A payload of at least this size is received straight into its aligned buffer (design 4.14).
inline constexpr uint32_t kDirectReceiveBytes = 16u << 10;

// Frames: header, then a typed body, then the payload (docs/wire-format.md).
inline constexpr uint32_t kFrameHeaderBytes = 64;
inline constexpr uint32_t kFrameBodyBytesMax = 8u << 10;

// Ids. StorPool's public clients validate the same ranges.
inline constexpr uint16_t kNodeIdMax = 63;
inline constexpr uint16_t kDiskIdMax = 4095;
inline constexpr uint16_t kClientIdMax = 4095;
inline constexpr uint32_t kReplicationMax = 3;
// Serving members and their replacements while they sync.
inline constexpr uint32_t kChainMembersMax = 2 * kReplicationMax;
inline constexpr uint32_t kChainsPerTableFirst = 64;
inline constexpr uint32_t kChainsPerTableMax = 32768;

// Relocation (design 6.9): chains that move at a time to or from one disk, and chains that change
// their order or let a mirror go at a time; neither needs many to keep a disk busy.
inline constexpr uint32_t kChainMovesPerDisk = 2;
inline constexpr uint32_t kChainStepsAtOnce = 16;
// Of a disk's usable room, kept free of what is moved there: writes go on meanwhile.
inline constexpr uint64_t kRelocationReserveParts = 20;  // one of so many

// Exactly once (design 5.8): numbers that one session may have open on one chain.
inline constexpr uint32_t kWindowNumbers = 256;

// What one volume of a client may have out without waiting for a turn, and what all volumes of the
// client together may before those beyond it take turns: some milliseconds of a fast network.
inline constexpr uint64_t kVolumeRequestsOut = 64;
inline constexpr uint64_t kVolumeBytesOut = 4u << 20;
inline constexpr uint64_t kClientRequestsOutMax = 2048;
inline constexpr uint64_t kClientBytesOutMax = 64u << 20;

// Room granted to a head, per chain and member (design 4.11).
inline constexpr uint64_t kCreditFirstBytes = 1u << 20;     // rides on Leveled: one request fits
inline constexpr uint64_t kCreditPieceBytesMin = 1u << 20;  // asked for at a time
inline constexpr uint64_t kCreditPieceBytesMax = 4u << 20;
inline constexpr uint64_t kCreditLowBytes = 2u << 20;  // the head asks before it runs dry

// Resync (design 5.6).
inline constexpr uint64_t kSyncScanBytesInFlight = 8u << 20;  // sent, not yet durable at the target
inline constexpr uint32_t kSyncStreamEntriesMax = 1u << 16;   // a target further behind is dropped
// Items in one frame of pieces; a frame's body is bounded.
inline constexpr size_t kSessionsPerFrame = 100;
inline constexpr size_t kRaisesPerFrame = 100;
inline constexpr size_t kChunkBasesPerFrame = 300;
inline constexpr size_t kNamedChainsPerFrame = 512;

// Layers of one lineage; foreign parents in a row (design 9.4).
inline constexpr uint32_t kLayersMax = 16384;
inline constexpr uint32_t kForeignParentsMax = 32;

// Names, as StorPool's public clients validate them. Names of volumes, snapshots, templates and
// tags, and values of tags:
inline constexpr size_t kNameBytesMax = 199;
inline constexpr size_t kGroupNameBytesMax = 127;       // of placement groups, and fault sets
inline constexpr size_t kClusterNameBytesMax = 62;      // "location.cluster"
inline constexpr size_t kDiskDescriptionBytesMax = 30;  // fits a column

// What a volume may be limited to; more is a mistake of who asks.
inline constexpr uint64_t kIopsMax = 1u << 30;

// Control: what metadata keeps in memory and hands out whole.
inline constexpr uint32_t kAttachmentsPerClientMax = 1024;
inline constexpr uint32_t kTagsPerVolumeMax = 256;
inline constexpr uint32_t kVolumesPerGroupMax = 256;  // snapshots of one instant: all are held
// The key-value store: StorPool's bound for names of buckets and keys; values are small things too.
inline constexpr size_t kBucketNameBytesMax = 1023;
inline constexpr size_t kBucketValueBytesMax = 64u << 10;
inline constexpr size_t kBucketBytesMax = 1u << 20;
inline constexpr size_t kBucketsMax = 4096;

// NBD.
inline constexpr uint32_t kNbdRequestBytesMax = 32u << 20;  // read or write; the customary maximum
inline constexpr uint32_t kNbdRequestsPerConnectionMax = 256;
inline constexpr uint32_t kNbdConnectionBytesMax = 64u << 20;  // under way and unsent replies
inline constexpr uint32_t kNbdConnectionsMax = 1024;
inline constexpr uint32_t kNbdOptionBytesMax = 16u << 10;  // names and queries have at most 4 KiB
inline constexpr uint32_t kNbdOptionsMax = 64;             // negotiation ends somewhere
inline constexpr uint32_t kNbdExtentsMax = 256;            // in one answer to block status
inline constexpr uint32_t kNbdHolePieceBytes = 64u << 10;  // zeroes sought in reads piece by piece
inline constexpr int64_t kNbdDrainMs = 5000;               // for a client to take its last replies
inline constexpr int64_t kNbdNegotiationMs = 30000;  // a client that says nothing holds a slot

// For a client of the cluster that ends: what no chain has answered by then fails.
inline constexpr int64_t kClientEndMs = 6000;

// Silence after which the other end of an accepted connection is taken for dead: no answer to
// probes, or to what was sent. Probes begin after the first of these, and follow at the second.
inline constexpr int64_t kPeerProbeAfterMs = 15000;
inline constexpr int64_t kPeerProbeEveryMs = 5000;
inline constexpr int64_t kPeerSilenceMs = 60000;

// Times, all in milliseconds.
inline constexpr int64_t kLeaseMs = 800;            // promises between mirrors (design 5.4)
inline constexpr int64_t kLeaseMsMax = 10000;       // the longest that anybody may promise
inline constexpr int64_t kLeaseMarginMs = 40;       // for drift between two clocks, 5 %
inline constexpr int64_t kCommitSilenceMs = 5;      // W travels alone after this (design 5.2.4)
inline constexpr int64_t kMemberRetryMs = 250;      // an unanswered question between members
inline constexpr int64_t kHeartbeatMs = 700;        // at rest, most of what a daemon does
inline constexpr int64_t kEjectionMs = 3000;        // silence that names a node out (design 6.7)
inline constexpr int64_t kRebuildDelayMs = 600000;  // before a lost member is replaced (design 6.8)
// A detach waits so long for a client that is down: one that merely restarts is back by then.
inline constexpr int64_t kClientReturnMs = 10000;

static_assert(kBlocksPerChunk == 8192);
static_assert(kRequestBlocksMax <= kBlocksPerChunk);
static_assert(kWindowNumbers % 64 == 0);
static_assert(kNbdRequestBytesMax <= kNbdConnectionBytesMax);
static_assert(kNbdDrainMs < kClientEndMs, "connections are cut before their requests fail");
static_assert(kPeerProbeAfterMs + 2 * kPeerProbeEveryMs < kPeerSilenceMs, "a lost probe ends none");
static_assert(kHeartbeatMs * 4 < kEjectionMs, "one lost heartbeat ejects nobody");
static_assert(kLeaseMs + kLeaseMarginMs < kEjectionMs);
static_assert(kCreditFirstBytes >= kRequestBytesMax, "any request must fit a fresh chain's credit");
static_assert(kSessionsPerFrame * 64 <= kFrameBodyBytesMax);
static_assert(kChunkBasesPerFrame * 24 <= kFrameBodyBytesMax);
static_assert(kNamedChainsPerFrame * 8 <= kFrameBodyBytesMax);

}  // namespace storpool
