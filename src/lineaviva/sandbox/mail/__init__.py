"""A mailbox for the sandbox: an SMTP server that keeps what it is given as files, and pages to read them."""
