-- Chat messages of a stream. An identity key: the application role needs no right on a sequence.
create table messages (
  id bigint generated always as identity primary key,
  author text not null check (char_length(author) between 1 and 40),
  body text not null check (char_length(body) between 1 and 500),
  session text not null,
  sent_at timestamptz not null default now()
);
