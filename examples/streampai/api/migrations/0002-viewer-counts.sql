-- Viewers over time: a hypertable where the timescaledb extension was installed for this database, else a plain table.
create table viewer_counts (
  at timestamptz not null default now(),
  viewers integer not null check (viewers >= 0)
);
create index viewer_counts_at on viewer_counts (at desc);

do $$
begin
  if exists (select from pg_extension where extname = 'timescaledb') then
    perform create_hypertable('viewer_counts', 'at', create_default_indexes => false);
  end if;
end
$$;
