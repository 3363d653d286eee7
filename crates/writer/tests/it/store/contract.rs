//! What both stores promise, as a list of behaviours.

pub(crate) mod documents;
pub(crate) mod history;
pub(crate) mod order;
pub(crate) mod pages;
pub(crate) mod receipts;
pub(crate) mod writes;

/// Makes each behaviour a test of the store that `$home` gives.
macro_rules! contract_tests {
    ($home:path) => {
        contract_tests! { $home;
            writes: first_put_creates_version_1;
            writes: put_of_other_content_updates;
            writes: put_of_identical_content_changes_nothing;
            writes: put_of_another_expiry_updates;
            writes: deletion_leaves_a_tombstone;
            writes: deletion_of_nothing_is_not_found;
            writes: version_continues_over_a_tombstone;
            writes: preconditions_are_judged_against_live_documents;
            writes: failed_precondition_spares_its_neighbours;
            writes: batch_of_512_is_committed_whole;
            writes: batch_of_513_panics;
            writes: batch_with_a_key_twice_panics;
            writes: refused_body_changes_nothing;
            documents: body_keeps_its_text;
            documents: body_of_1_mib_is_kept;
            documents: ids_keep_their_octets;
            documents: absent_document_is_none;
            documents: expiry_is_kept_to_the_microsecond;
            documents: expired_documents_are_found;
            documents: deleted_document_does_not_expire;
            documents: expired_document_is_live_no_more;
            documents: expired_document_is_absent_but_to_its_version;
            order: sequences_are_gapless_in_commit_order;
            order: follower_of_the_log_never_meets_a_hole;
            order: links_chain_through_and_across_batches;
            order: batch_without_changes_leaves_the_head;
            pages: empty_database_has_empty_pages;
            pages: change_carries_the_current_document;
            pages: changes_are_bounded_by_limit;
            pages: changes_are_bounded_by_octets;
            pages: documents_come_in_key_order;
            pages: documents_are_bounded_by_octets;
            pages: page_that_ends_at_the_limit_says_so;
            pages: pruned_changes_raise_the_floor;
            pages: tombstone_stays_while_its_change_does;
            pages: recreated_document_is_not_pruned;
            pages: stamps_are_those_of_the_documents;
            pages: absent_keys_have_neither_document_nor_tombstone;
            receipts: repeated_write_gets_its_receipt_and_changes_nothing;
            receipts: key_of_another_write_is_refused;
            receipts: receipt_comes_before_preconditions;
            receipts: failed_write_leaves_no_receipt;
            receipts: write_that_changed_nothing_is_not_done_later;
            receipts: repeated_write_spares_its_neighbours;
            receipts: receipts_are_kept_for_their_time;
            history: first_epoch_is_the_time_of_its_making;
            history: known_tip_that_stands_changes_nothing;
            history: foreign_link_at_the_head_begins_an_epoch;
            history: foreign_link_below_the_head_begins_an_epoch;
            history: head_behind_the_known_tip_begins_an_epoch;
            history: known_tip_of_a_later_epoch_is_surpassed;
            history: epoch_that_nobody_can_have_seen_is_not_believed;
            history: known_tip_of_an_ended_epoch_is_ignored;
            history: pruned_link_cannot_be_judged;
            history: batch_on_a_broken_history_belongs_to_the_new_epoch;
            history: epoch_begun_by_hand_rises;
            history: terms_rise_and_leases_beat;
        }
    };
    ($home:path; $($group:ident: $behaviour:ident;)+) => {
        $(
            #[tokio::test]
            async fn $behaviour() {
                $crate::store::contract::$group::$behaviour(&$home().await).await;
            }
        )+
    };
}
pub(crate) use contract_tests;
