//! Each rule of the machine by itself. The crate `simulate` runs it amid faults.

mod rules;
