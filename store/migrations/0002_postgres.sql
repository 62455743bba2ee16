-- Programs of a connection that get short-lived access tokens for their secret (RFC 6749, section 4.4), of which only the
-- SHA-256 is kept.
create table client (
	row_id     bigint generated always as identity primary key,
	id         text collate "C" not null unique,
	connection bigint not null references connection (row_id) on delete cascade,
	hash       text collate "C" not null,
	created    bigint not null,
	revoked    bigint
);
create index client_connection on client (connection);

-- The keys that sign access tokens. The newest signs; those before it are published until no token of theirs is valid.
-- Each follows the key before it, the first one 0: of two nodes that make one at once, one succeeds.
create table signing_key (
	row_id  bigint generated always as identity primary key,
	follows bigint not null unique,
	id      text collate "C" not null unique,
	private text collate "C" not null,
	created bigint not null
);

-- Random keys that all nodes share, by what they are for.
create table secret (
	name    text collate "C" primary key,
	value   text collate "C" not null,
	created bigint not null
);

-- The extension schemas that a connection has for its Users, each as RFC 7643, section 7 writes it. One that was removed stays, so
-- that it is known what documents hold and do not show.
create table extension (
	row_id     bigint generated always as identity primary key,
	connection bigint not null references connection (row_id) on delete cascade,
	urn        text collate "C" not null,
	urn_key    text collate "C" not null,
	definition text collate "C" not null,
	created    bigint not null,
	removed    bigint,
	unique (connection, urn_key)
);

-- Changes with every change of the connection's extension schemas; 0 for none ever.
alter table connection add column extensions bigint not null default 0;

-- When a connection was last heard of, to the minute. silent says that an event told of its silence.
create table contact (
	connection bigint primary key references connection (row_id) on delete cascade,
	last       bigint not null,
	silent     boolean not null
);

-- How many days before its end the last warning came.
alter table token add column warned bigint;
