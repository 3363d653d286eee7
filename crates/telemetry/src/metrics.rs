//! Metrics, read when somebody asks for them.
//!
//! Whoever counts keeps atomics of its own and hands in closures that read them, so that a count
//! on a hot path is one relaxed addition and knows no metrics library.
//!
//! Names are `pressrun_<area>_<what>_<unit>`: the area is a crate or a part of one (`reader`,
//! `commit`), the unit comes last and is a base unit (`seconds`, `bytes`), and counters end in
//! `_total`, which is added here. All lower case, `[a-z][a-z0-9_]*`. Labels have few values, all
//! known when they are registered: never a path, a key or anything else that clients choose.

use std::{fmt, time::Duration};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, text::encode},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge, histogram::Histogram},
    registry::Registry,
};

pub use prometheus_client::registry::Unit;

/// The metrics of a process. Register everything first, then share it.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    names: Vec<String>,
}

/// How long something took, from half a millisecond to a minute, three bounds a decade.
///
/// Cloning it shares it. To record takes a lock, so it is for what happens some thousand times a
/// second, not for reads.
#[derive(Debug, Clone)]
pub struct DurationHistogram(Histogram);

/// Upper bounds of [`DurationHistogram`]'s buckets, in seconds; the last bucket has none.
const DURATION_BOUNDS: [f64; 16] = [
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0,
];

impl DurationHistogram {
    /// Nothing recorded yet.
    pub fn new() -> Self {
        Self(Histogram::new(DURATION_BOUNDS))
    }

    /// Something took so long.
    pub fn record(&self, took: Duration) {
        self.0.observe(took.as_secs_f64());
    }
}

impl Default for DurationHistogram {
    fn default() -> Self {
        Self::new()
    }
}

/// The metrics of one area; see the module about names.
#[derive(Debug)]
pub struct Area<'a> {
    metrics: &'a mut Metrics,
    area: &'static str,
}

impl Metrics {
    /// The media type of [`Self::to_text`].
    pub const CONTENT_TYPE: &'static str =
        "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// No metrics yet.
    pub fn new() -> Self {
        Self {
            registry: Registry::default(),
            names: Vec::new(),
        }
    }

    /// Where to register the metrics of one area.
    pub fn area(&mut self, area: &'static str) -> Area<'_> {
        debug_assert!(is_name(area), "{area} is not a name");
        Area {
            metrics: self,
            area,
        }
    }

    /// Every metric now, as `OpenMetrics` text. Calls each closure once.
    pub fn to_text(&self) -> String {
        let mut text = String::with_capacity(16 * 1024);
        let encoded = encode(&mut text, &self.registry);
        debug_assert!(encoded.is_ok(), "writing to a string cannot fail");
        text
    }

    /// Every name registered so far, in order, without `_total`: for tests that pin them.
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Area<'_> {
    /// A number that only rises: `_total` is added to its name.
    ///
    /// # Panics
    /// In debug builds, where the name is taken or not a name.
    pub fn counter(
        &mut self,
        what: &str,
        help: &'static str,
        unit: Option<Unit>,
        read: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> &mut Self {
        let read = move |encoder: Encoder<'_>| encoder.one(&ConstCounter::new(read()));
        self.collect(what, help, unit, MetricType::Counter, read)
    }

    /// A number that rises and falls.
    ///
    /// # Panics
    /// As [`Self::counter`].
    pub fn gauge(
        &mut self,
        what: &str,
        help: &'static str,
        unit: Option<Unit>,
        read: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> &mut Self {
        let read = move |encoder: Encoder<'_>| encoder.one(&ConstGauge::new(read()));
        self.collect(what, help, unit, MetricType::Gauge, read)
    }

    /// A counter for each value of a label. `read` is called with the index of the value.
    ///
    /// # Panics
    /// As [`Self::counter`].
    pub fn counters_by(
        &mut self,
        what: &str,
        help: &'static str,
        unit: Option<Unit>,
        label: &'static str,
        values: &'static [&'static str],
        read: impl Fn(usize) -> u64 + Send + Sync + 'static,
    ) -> &mut Self {
        let read = move |mut encoder: Encoder<'_>| {
            for (index, value) in values.iter().enumerate() {
                encoder.labelled(label, value, &ConstCounter::new(read(index)))?;
            }
            Ok(())
        };
        self.collect(what, help, unit, MetricType::Counter, read)
    }

    /// A histogram that is read when asked for: the sum of all values, and for each bucket its upper
    /// bound (the last is infinite) and how many values it has that no earlier one has.
    ///
    /// # Panics
    /// As [`Self::counter`].
    pub fn histogram(
        &mut self,
        what: &str,
        help: &'static str,
        unit: Option<Unit>,
        read: impl Fn() -> (f64, Vec<(f64, u64)>) + Send + Sync + 'static,
    ) -> &mut Self {
        let read = move |mut encoder: Encoder<'_>| {
            let (sum, buckets) = read();
            let count = buckets.iter().map(|(_bound, count)| count).sum();
            encoder
                .0
                .encode_histogram::<[(&str, &str); 0]>(sum, count, &buckets, None)
        };
        self.collect(what, help, unit, MetricType::Histogram, read)
    }

    /// A gauge for each value of a label. `read` is called with the index of the value.
    ///
    /// # Panics
    /// As [`Self::counter`].
    pub fn gauges_by(
        &mut self,
        what: &str,
        help: &'static str,
        unit: Option<Unit>,
        label: &'static str,
        values: &'static [&'static str],
        read: impl Fn(usize) -> f64 + Send + Sync + 'static,
    ) -> &mut Self {
        let read = move |mut encoder: Encoder<'_>| {
            for (index, value) in values.iter().enumerate() {
                encoder.labelled(label, value, &ConstGauge::new(read(index)))?;
            }
            Ok(())
        };
        self.collect(what, help, unit, MetricType::Gauge, read)
    }

    /// A histogram that its owner records in by itself, in seconds.
    ///
    /// # Panics
    /// As [`Self::counter`].
    pub fn durations(
        &mut self,
        what: &str,
        help: &'static str,
        durations: &DurationHistogram,
    ) -> &mut Self {
        let name = self.name(what, Some(&Unit::Seconds));
        let histogram = durations.0.clone();
        self.metrics
            .registry
            .register_with_unit(name, help, Unit::Seconds, histogram);
        self
    }

    fn collect(
        &mut self,
        what: &str,
        help: &'static str,
        unit: Option<Unit>,
        kind: MetricType,
        read: impl Fn(Encoder<'_>) -> fmt::Result + Send + Sync + 'static,
    ) -> &mut Self {
        let reading = Reading {
            name: self.name(what, unit.as_ref()),
            help,
            unit,
            kind,
            read,
        };
        self.metrics.registry.register_collector(Box::new(reading));
        self
    }

    /// The name without its unit, which the encoder adds.
    fn name(&mut self, what: &str, unit: Option<&Unit>) -> String {
        let name = format!("pressrun_{}_{what}", self.area);
        let whole = match unit {
            Some(unit) => format!("{name}_{}", unit.as_str()),
            None => name.clone(),
        };
        debug_assert!(
            is_name(what) && !what.ends_with("_total"),
            "{what} is not a name"
        );
        debug_assert!(!self.metrics.names.contains(&whole), "{whole} is taken");
        self.metrics.names.push(whole);
        name
    }
}

/// A closure that is read when metrics are asked for.
struct Reading<R> {
    name: String,
    help: &'static str,
    unit: Option<Unit>,
    kind: MetricType,
    read: R,
}

impl<R> fmt::Debug for Reading<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reading").field(&self.name).finish()
    }
}

impl<R> Collector for Reading<R>
where
    R: Fn(Encoder<'_>) -> fmt::Result + Send + Sync + 'static,
{
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let unit = self.unit.as_ref();
        let metric = encoder.encode_descriptor(&self.name, self.help, unit, self.kind)?;
        (self.read)(Encoder(metric))
    }
}

struct Encoder<'a>(prometheus_client::encoding::MetricEncoder<'a>);

impl Encoder<'_> {
    fn one(self, metric: &impl EncodeMetric) -> fmt::Result {
        metric.encode(self.0)
    }

    fn labelled(&mut self, label: &str, value: &str, metric: &impl EncodeMetric) -> fmt::Result {
        metric.encode(self.0.encode_family(&[(label, value)])?)
    }
}

fn is_name(text: &str) -> bool {
    let letters = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'_';
    text.starts_with(|first: char| first.is_ascii_lowercase()) && text.bytes().all(letters)
}
