// What all scripts here share: where the stack is, its posts, and how they are read and written.
//
//   BASE_URL     where posts are read, and written where there is no WRITER_URL: the gateway's
//   WRITER_URL   where posts are written, if not through the gateway
//   TOKEN        a bearer token for writes, where they need one
//   P99_MS       the slowest that 99 of 100 reads may be, in milliseconds

import http from 'k6/http';
import { check, fail, sleep } from 'k6';

const baseUrl = __ENV.BASE_URL || 'http://127.0.0.1:9080';
const writerUrl = __ENV.WRITER_URL || baseUrl;
const POSTS = 100;
const READABLE_WITHIN_SECS = 30;

// A number from the environment.
export function number(name, otherwise) {
  const value = Number(__ENV[name] || otherwise);
  if (!(value > 0)) {
    throw new Error(`${name} is not a number above 0`);
  }
  return value;
}

// Loose, because client and stack often share a machine.
export const p99 = `p(99)<${number('P99_MS', 50)}`;

export const trendStats = ['med', 'p(90)', 'p(99)', 'p(99.9)', 'max'];

// An open loop: requests begin when they are due, whether or not earlier ones were answered.
// There are clients enough for answers that take 100 ms each; more are started where they take
// longer, up to one for each request of a second.
export function arrivals(rate, duration, rest) {
  return Object.assign(
    {
      executor: 'constant-arrival-rate',
      rate,
      timeUnit: '1s',
      duration,
      preAllocatedVUs: Math.ceil(rate / 10),
      maxVUs: Math.max(rate, 10),
    },
    rest,
  );
}

// Writes 100 posts and waits until they can be read. The ids of posts to read.
export function prepare() {
  const ids = [];
  for (let post = 0; post < POSTS; post += 1) {
    const id = `k6-${post}`;
    // 201 in the first run, 200 in those after it.
    const answer = write(id, 'Printed once. '.repeat(22), 'prepare');
    if (answer.status !== 201 && answer.status !== 200) {
      fail(`the writer answered ${answer.status}: ${answer.body}`);
    }
    ids.push(id);
  }
  const last = ids[ids.length - 1];
  for (let waited = 0; read(last, {}, 'prepare').status !== 200; waited += 1) {
    if (waited === READABLE_WITHIN_SECS) {
      fail(`${last} cannot be read at ${baseUrl}`);
    }
    sleep(1);
  }
  return { ids };
}

// One name for all targets: a time series for each would cost more than the requests.
export function read(id, headers, name) {
  return http.get(`${baseUrl}/post?id=${encodeURIComponent(id)}`, {
    headers,
    tags: { name },
  });
}

export function write(id, content, name) {
  const post = JSON.stringify({ id, title: `Post ${id}`, content, author: 'k6' });
  const headers = { 'Content-Type': 'application/json' };
  if (__ENV.TOKEN) {
    headers.Authorization = `Bearer ${__ENV.TOKEN}`;
  }
  return http.post(`${writerUrl}/create`, post, { headers, tags: { name } });
}

// Reads any of these posts as most clients do.
export function readAny(ids) {
  const answer = read(any(ids), {}, 'read');
  check(answer, {
    'is 200': ({ status }) => status === 200,
    'has an ETag': ({ headers }) => Boolean(headers.Etag),
  });
}

export function any(ids) {
  return ids[Math.floor(Math.random() * ids.length)];
}
