// Reads posts at a constant arrival rate.
//
//   RATE=500 a second, DURATION=30s; and those of stack.js

import { arrivals, number, p99, prepare, readAny, trendStats } from './stack.js';

export const options = {
  scenarios: { read: arrivals(number('RATE', 500), __ENV.DURATION || '30s') },
  // Only the reads count, not what setup does.
  thresholds: {
    'http_req_failed{name:read}': ['rate<0.001'],
    'http_req_duration{name:read}': [p99],
    checks: ['rate>0.999'],
    // Requests that k6 could not begin in time: the rate was not reached, so the rest says little.
    dropped_iterations: ['count<1'],
  },
  summaryTrendStats: trendStats,
};

export const setup = prepare;

export default function ({ ids }) {
  readAny(ids);
}
