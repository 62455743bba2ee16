create table connection (
	row_id   bigint generated always as identity primary key,
	id       text collate "C" not null unique,
	name     text collate "C" not null unique,
	preset   text collate "C" not null,
	enabled  boolean not null,
	settings text collate "C" not null,
	created  bigint not null
);

create table token (
	row_id     bigint generated always as identity primary key,
	id         text collate "C" not null unique,
	connection bigint not null references connection (row_id) on delete cascade,
	hash       text collate "C" not null unique,
	created    bigint not null,
	expires    bigint,
	revoked    bigint
);
create index token_connection on token (connection);

create table account (
	row_id       bigint generated always as identity primary key,
	id           text collate "C" not null unique,
	username     text collate "C" not null,
	username_key text collate "C" not null unique,
	email        text collate "C" not null,
	email_key    text collate "C" unique,
	first_name   text collate "C" not null,
	last_name    text collate "C" not null,
	nickname     text collate "C" not null,
	position     text collate "C" not null,
	locale       text collate "C" not null,
	suspended    boolean not null,
	active       boolean not null,
	created      bigint not null,
	modified     bigint not null,
	closed       bigint
);

create table identity (
	row_id         bigint generated always as identity primary key,
	id             text collate "C" not null unique,
	connection     bigint not null references connection (row_id),
	account        bigint references account (row_id),
	manages        boolean not null,
	version        bigint not null,
	created        bigint not null,
	modified       bigint not null,
	active         boolean not null,
	inactive_since bigint,
	user_name      text collate "C" not null,
	user_name_key  text collate "C" not null,
	external_id    text collate "C",
	subject        text collate "C",
	profile        text collate "C" not null,
	search         jsonb not null,
	document       text collate "C" not null
);
create unique index identity_user_name on identity (connection, user_name_key);
create unique index identity_external_id on identity (connection, external_id) where external_id is not null;
create unique index identity_subject on identity (connection, subject) where subject is not null;
create unique index identity_manages on identity (account) where manages;
create index identity_account on identity (account);
create index identity_unbound on identity (connection) where account is null;
create index identity_connection on identity (connection, row_id);

-- What remains of a removed identity.
create table tombstone (
	identity    text collate "C" primary key,
	connection  bigint not null references connection (row_id) on delete cascade,
	external_id text collate "C",
	account     bigint not null references account (row_id) on delete cascade,
	created     bigint not null
);
create index tombstone_external_id on tombstone (connection, external_id) where external_id is not null;
create index tombstone_account on tombstone (account);

create table grp (
	row_id       bigint generated always as identity primary key,
	id           text collate "C" not null unique,
	connection   bigint not null references connection (row_id),
	version      bigint not null,
	created      bigint not null,
	modified     bigint not null,
	display_name text collate "C" not null,
	name_key     text collate "C" not null,
	external_id  text collate "C"
);
create unique index grp_name on grp (connection, name_key);
create unique index grp_external_id on grp (connection, external_id) where external_id is not null;
create index grp_connection on grp (connection, row_id);

create table member (
	grp      bigint not null references grp (row_id) on delete cascade,
	identity bigint not null references identity (row_id) on delete cascade,
	primary key (grp, identity)
);
create index member_identity on member (identity);

create table nesting (
	parent bigint not null references grp (row_id) on delete cascade,
	child  bigint not null references grp (row_id) on delete cascade,
	primary key (parent, child)
);
create index nesting_child on nesting (child);

-- Members that named nobody when they came.
create table stray (
	grp   bigint not null references grp (row_id) on delete cascade,
	value text collate "C" not null,
	primary key (grp, value)
);

create table team (
	row_id       bigint generated always as identity primary key,
	id           text collate "C" not null unique,
	name         text collate "C" not null unique,
	display_name text collate "C" not null,
	type         text collate "C" not null,
	created      bigint not null
);

create table channel (
	row_id       bigint generated always as identity primary key,
	id           text collate "C" not null unique,
	team         bigint not null references team (row_id),
	name         text collate "C" not null,
	display_name text collate "C" not null,
	type         text collate "C" not null,
	is_default   boolean not null,
	created      bigint not null,
	unique (team, name)
);

-- The names of the channels that whoever joins a team joins.
create table default_channel (name text collate "C" primary key);
insert into default_channel (name) values ('town-square'), ('off-topic');

create table rule (
	row_id     bigint generated always as identity primary key,
	id         text collate "C" not null unique,
	connection bigint not null references connection (row_id) on delete cascade,
	pattern    text collate "C" not null,
	team       text collate "C" not null,
	channel    text collate "C" not null,
	role       bigint not null,
	make       boolean not null,
	created    bigint not null
);
create index rule_connection on rule (connection);

-- channel is 0 in a link, and in a reason, that concerns the team itself; grp is null while the link sleeps.
create table link (
	row_id     bigint generated always as identity primary key,
	id         text collate "C" not null unique,
	connection bigint not null references connection (row_id) on delete cascade,
	name       text collate "C" not null,
	name_key   text collate "C" not null,
	grp        bigint references grp (row_id) on delete set null,
	team       bigint not null references team (row_id),
	channel    bigint not null,
	role       bigint not null,
	rule       bigint references rule (row_id) on delete set null,
	created    bigint not null
);
create index link_name on link (connection, name_key);
create index link_grp on link (grp);
create index link_rule on link (rule);

-- A membership is the set of its reasons: it begins with the first and ends with the last. kind: 1 link, 2 default channel.
create table reason (
	account bigint not null references account (row_id) on delete cascade,
	team    bigint not null references team (row_id),
	channel bigint not null,
	kind    bigint not null,
	link    bigint not null,
	role    bigint not null,
	since   bigint not null,
	primary key (account, team, channel, kind, link)
);
create index reason_link on reason (link, account) where link <> 0;

create table conflict (
	row_id      bigint generated always as identity primary key,
	id          text collate "C" not null unique,
	connection  bigint not null references connection (row_id) on delete cascade,
	field       text collate "C" not null,
	value       text collate "C" not null,
	value_key   text collate "C" not null,
	external_id text collate "C" not null,
	identity    text collate "C" not null,
	account     bigint references account (row_id) on delete cascade,
	detail      text collate "C" not null,
	created     bigint not null,
	unique (connection, field, value_key, external_id)
);
create index conflict_account on conflict (account);

-- What an administrator allowed: the connection's next identity whose field has the key is bound to the account and manages it.
create table adoption (
	row_id     bigint generated always as identity primary key,
	connection bigint not null references connection (row_id) on delete cascade,
	account    bigint not null references account (row_id) on delete cascade,
	field      text collate "C" not null,
	key        text collate "C" not null,
	created    bigint not null,
	unique (connection, field, key)
);
create index adoption_account on adoption (account);

-- Work that was too large for the change it follows from. kind: 1 the accounts that a link concerns, 2 every account, 3 the
-- groups that a rule may match; subject is the link or rule.
create table task (
	row_id  bigint generated always as identity primary key,
	kind    bigint not null,
	subject bigint not null,
	object  text collate "C" not null,
	grp     bigint not null,
	cursor  bigint not null,
	done    bigint not null,
	began   bigint not null,
	ended   bigint not null,
	created bigint not null
);

-- position and hash are filled when the event is sealed.
create table event (
	row_id     bigint generated always as identity primary key,
	time       bigint not null,
	action     text collate "C" not null,
	actor      text collate "C" not null,
	connection text collate "C" not null,
	token      text collate "C" not null,
	request    text collate "C" not null,
	object     text collate "C" not null,
	changes    text collate "C" not null,
	position   bigint,
	hash       text collate "C"
);
create index event_object on event (object);
