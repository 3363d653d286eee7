//! The contract: a list of behaviours that every implementation of the bus shows.

pub(crate) mod compare;
pub(crate) mod feed;
pub(crate) mod mend;
pub(crate) mod publish;
pub(crate) mod rebuild;
pub(crate) mod refusal;
pub(crate) mod replay;
pub(crate) mod snapshot;
pub(crate) mod subject;

/// Makes a test of each behaviour, on a bus that `$open` gives: empty, with
/// [`subject::LOG_SEGMENTS`] segments of log.
macro_rules! contract {
    ($open:path) => {
        behaviours! { $open;
            publish::published_change_is_stored_logged_and_sent
            publish::publish_keeps_the_highest_sequence_per_key
            publish::trace_context_is_sent_and_not_stored
            publish::publications_of_one_call_take_effect_in_order
            publish::each_of_one_call_is_judged_by_itself
            publish::call_that_fills_holes_advances_in_its_midst
            publish::slots_out_of_order_advance_when_the_hole_is_filled
            publish::waiting_slots_of_another_history_do_not_advance
            publish::advance_is_bounded_and_goes_on_when_published_again
            publish::writers_side_by_side_end_at_the_head
            publish::any_order_with_repetitions_ends_in_the_same_snapshot
            refusal::slot_at_or_below_published_through_is_a_no_op
            refusal::slot_too_far_ahead_is_refused
            refusal::fork_is_refused_and_changes_nothing
            refusal::links_are_compared_in_all_their_bits
            refusal::other_epoch_is_refused
            refusal::other_build_is_refused
            refusal::empty_bus_refuses
            refusal::refused_publication_does_not_keep_the_next_from_being_tried
            refusal::lost_bucket_is_refused_and_clears_complete
            publish::largest_numbers_survive
            rebuild::begin_starts_an_incomplete_empty_snapshot
            rebuild::rebuild_in_turn_completes
            rebuild::lower_term_is_refused
            rebuild::lower_epoch_is_refused
            rebuild::higher_epoch_takes_over
            rebuild::same_term_starts_over_and_drops_the_earlier_build
            rebuild::chunk_out_of_turn_is_refused
            rebuild::finish_exposes_a_lost_chunk
            rebuild::chunk_into_a_lost_bucket_is_refused
            rebuild::empty_bus_refuses_chunk_and_finish
            rebuild::sequences_are_compared_in_all_their_bits
            rebuild::live_publishing_during_a_rebuild_stays
            rebuild::bucket_counts_beyond_their_limits_are_refused
            mend::mend_corrects_missing_older_and_damaged_documents
            mend::mend_keeps_newer_documents_and_counts_what_it_stored
            mend::leader_of_an_earlier_term_neither_mends_nor_purges
            mend::purge_removes_exactly_the_tombstone_named
            mend::purge_spares_what_the_log_still_holds
            mend::purge_spares_an_incomplete_snapshot
            mend::late_writer_cannot_resurrect_a_purged_tombstone
            compare::held_tells_what_lies_there_in_the_order_asked
            compare::held_tells_damage_and_newer_formats
            compare::held_tells_of_many_large_documents
            compare::names_are_those_of_every_document_once
            compare::more_names_than_asked_for_are_counted_only
            compare::lost_bucket_refuses_comparison_and_clears_complete
            compare::other_build_and_empty_bus_refuse_comparison
            snapshot::snapshot_holds_every_document_once
            snapshot::many_buckets_are_read_in_the_order_asked
            snapshot::large_bucket_is_read_twice_over_one_connection
            snapshot::lost_bucket_reads_as_lost
            snapshot::bucket_of_an_earlier_build_reads_as_lost
            snapshot::reported_bucket_clears_complete_only_if_lost
            snapshot::subscribe_before_snapshot_loses_nothing
            snapshot::lookup_gives_document_and_meta
            snapshot::lookup_tells_a_lost_bucket_from_an_absent_document
            snapshot::lookup_follows_a_rebuild
            replay::replay_gives_pages_in_slot_order
            replay::replay_delivers_the_current_envelope
            replay::replay_ends_at_a_hole
            replay::replay_ends_at_a_lost_document
            replay::full_page_that_ends_at_a_lost_document_promises_no_more
            replay::replay_below_the_log_gives_nothing
            replay::replay_of_another_epoch_gives_nothing
            replay::replay_of_an_empty_bus_gives_nothing
            replay::replay_page_is_bounded_in_octets
            replay::log_drops_its_oldest_segments
            feed::every_subscription_gets_every_message
            feed::changes_of_one_call_arrive_in_order_whatever_their_size
            feed::largest_inline_envelope_travels_whole
            feed::larger_envelope_becomes_a_notice_and_replay_fetches_it
            feed::heartbeat_and_probes_travel
            feed::probes_are_bounded
            feed::registered_readers_are_listed_with_their_latest_status
            feed::reader_ids_and_statuses_are_held_against_their_limits
            feed::slow_follower_sees_the_end_not_silence
        }
    };
}

macro_rules! behaviours {
    ($open:path; $($module:ident::$behaviour:ident)*) => {$(
        #[tokio::test]
        async fn $behaviour() {
            crate::contract::$module::$behaviour($open().await).await;
        }
    )*};
}
