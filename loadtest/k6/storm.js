// An update storm: a few posts are rewritten again and again while everybody reads them. Each writer
// reads what it wrote at once, through any reader, by the position it was answered
// (Pressrun-At-Least): it must get that version or a later one, and how long that takes is how long
// a change takes to be visible.
//
//   WRITE_RATE=100 and RATE=500 reads a second, DURATION=30s, HOT=10 posts; and those of stack.js

import { check } from 'k6';
import { Trend } from 'k6/metrics';

import { any, arrivals, number, p99, prepare, read, readAny, trendStats, write } from './stack.js';

const duration = __ENV.DURATION || '30s';
const hot = number('HOT', 10);
// From the acknowledgement of a write to the end of the read that shows it.
const visible = new Trend('visible_after', true);

export const options = {
  scenarios: {
    read: arrivals(number('RATE', 500), duration),
    write: arrivals(number('WRITE_RATE', 100), duration, { exec: 'change' }),
  },
  thresholds: {
    'http_req_failed{name:read}': ['rate<0.001'],
    'http_req_failed{name:write}': ['rate<0.001'],
    'http_req_failed{name:own}': ['rate<0.001'],
    'http_req_duration{name:read}': [p99],
    'http_req_duration{name:write}': ['p(99)<1000'],
    // Beyond a second the reader gives up waiting, with 503.
    visible_after: ['p(99)<500'],
    checks: ['rate>0.999'],
    dropped_iterations: ['count<1'],
  },
  summaryTrendStats: trendStats,
};

export const setup = prepare;

export default function ({ ids }) {
  readAny(ids.slice(0, hot));
}

export function change({ ids }) {
  const id = any(ids.slice(0, hot));
  const content = `Printed by ${__VU} in iteration ${__ITER} at ${Date.now()}. `.repeat(7);
  const written = write(id, content, 'write');
  const acknowledged = check(written, { 'the write is acknowledged': ({ status }) => status === 200 });
  if (!acknowledged) {
    return;
  }
  const since = Date.now();
  const position = written.headers['Pressrun-Position'];
  const own = read(id, { 'Pressrun-At-Least': position }, 'own');
  visible.add(Date.now() - since);
  const version = written.json('version');
  check(own, {
    'its writer reads that version or a later one': ({ headers, status }) =>
      status === 200 && Number(headers['Pressrun-Document-Version']) >= version,
  });
}
