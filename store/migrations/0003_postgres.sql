-- What an identity provider says of itself for SAML. certificates is a list of DER in base64.
create table idp (
	connection    bigint primary key references connection (row_id) on delete cascade,
	entity_id     text collate "C" not null,
	sign_in_url   text collate "C" not null,
	sign_in_post  boolean not null,
	logout_url    text collate "C" not null,
	answer_url    text collate "C" not null,
	certificates  text collate "C" not null,
	source        text collate "C" not null,
	valid_until   bigint,
	updated       bigint not null,
	fetched       bigint,
	tried         bigint,
	problem       text collate "C" not null
);

-- What was told of a certificate that somebody trusts, by its SHA-256: the days before its end of the last warning, and when it came.
create table certificate_warning (
	connection bigint not null references connection (row_id) on delete cascade,
	sha256     text collate "C" not null,
	warned     bigint not null,
	told       bigint not null,
	primary key (connection, sha256)
);

-- Our keys for SAML, each with its certificate. Each follows the key before it, the first one 0, as those of signing_key do.
create table saml_key (
	row_id      bigint generated always as identity primary key,
	follows     bigint not null unique,
	id          text collate "C" not null unique,
	private     text collate "C" not null,
	certificate text collate "C" not null,
	created     bigint not null
);

-- Logins that were begun: each is used once, by the browser that began it. browser and relay are SHA-256 of what it holds, session
-- is the one that it had then, empty for none.
create table login_request (
	id         text collate "C" primary key,
	connection bigint not null references connection (row_id) on delete cascade,
	browser    text collate "C" not null,
	relay      text collate "C" not null,
	return_to  text collate "C" not null,
	test       boolean not null,
	session    text collate "C" not null,
	expires    bigint not null
);
create index login_request_expires on login_request (expires);

-- Messages of identity providers that count once, until no clock would take them again.
create table seen (
	connection bigint not null references connection (row_id) on delete cascade,
	id         text collate "C" not null,
	expires    bigint not null,
	primary key (connection, id)
);
create index seen_expires on seen (expires);

-- People who proved who they are, have no account yet, and choose their first team. hash is the SHA-256 of what their browser holds.
create table newcomer (
	hash       text collate "C" primary key,
	connection bigint not null references connection (row_id) on delete cascade,
	asserted   text collate "C" not null,
	return_to  text collate "C" not null,
	expires    bigint not null
);
create index newcomer_expires on newcomer (expires);

-- A person's browser that is signed in. identity is null for a local login. name_id is what the identity provider calls the person
-- when it, or we, end the session there, and detail the rest of that name.
create table session (
	row_id   bigint generated always as identity primary key,
	id       text collate "C" not null unique,
	hash     text collate "C" not null unique,
	account  bigint not null references account (row_id) on delete cascade,
	identity bigint references identity (row_id) on delete cascade,
	name_id  text collate "C",
	detail   text collate "C" not null,
	agent    text collate "C" not null,
	created  bigint not null,
	used     bigint not null,
	expires  bigint not null
);
create index session_account on session (account);
create index session_identity on session (identity) where identity is not null;
create index session_name_id on session (name_id) where name_id is not null;
create index session_expires on session (expires);

-- What a person's programs sign in with. Only the SHA-256 is kept.
create table personal_token (
	row_id      bigint generated always as identity primary key,
	id          text collate "C" not null unique,
	hash        text collate "C" not null unique,
	account     bigint not null references account (row_id) on delete cascade,
	description text collate "C" not null,
	created     bigint not null,
	used        bigint
);
create index personal_token_account on personal_token (account);

-- Passwords of local accounts, as argon2id or, from an import, bcrypt writes them.
create table password (
	account bigint primary key references account (row_id) on delete cascade,
	hash    text collate "C" not null,
	changed bigint not null
);

-- Rows to be held by whoever depends on several others at once.
create table lock (name text collate "C" primary key);
insert into lock (name) values ('administrators');

-- A system administrator.
alter table account add column admin boolean not null default false;
create index account_admin on account (row_id) where admin;

-- What the last login said of the person (asserted), and whether nobody but a login has written the identity.
alter table identity add column asserted text collate "C" not null default '';
alter table identity add column by_login boolean not null default false;
create function identity_subject_once() returns trigger language plpgsql as
	$$ begin raise exception 'the subject of an identity is set once'; end $$;
create trigger identity_subject_once before update of subject on identity for each row
	when (old.subject is not null and new.subject is not null and new.subject <> old.subject) execute function identity_subject_once();

alter table tombstone add column subject text collate "C";
create index tombstone_subject on tombstone (connection, subject) where subject is not null;
