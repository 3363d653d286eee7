//! What `pressrun dev` says once it runs.

use std::{fmt, net::SocketAddr, path::Path};

/// Addresses, and commands to try.
pub(crate) struct Welcome<'a> {
    pub(crate) writer: SocketAddr,
    pub(crate) reader: SocketAddr,
    pub(crate) reader_admin: SocketAddr,
    pub(crate) data_dir: &'a Path,
}

impl fmt::Display for Welcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            writer,
            reader,
            reader_admin,
            data_dir,
        } = self;
        write!(
            f,
            "
Pressrun is up. Documents are kept in {data_dir}.

  write   http://{writer}
  read    http://{reader}
  status  http://{reader_admin}/status

Try, in another terminal:

  curl -i http://{writer}/create -H 'Content-Type: application/json' \\
    -d '{{\"id\":\"hello\",\"title\":\"Hello\",\"content\":\"Printed once.\",\"author\":\"you\"}}'
  curl -i 'http://{reader}/post?id=hello'
  curl -i --compressed 'http://{reader}/v1/posts/hello'

Ctrl-C ends it; the documents stay.
",
            data_dir = data_dir.display()
        )
    }
}
