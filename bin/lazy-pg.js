/**
 * Stands for `pg` in the command's bundle, for the same reason as lazy-arborist.js: few commands speak to a database. What is
 * imported from a module is copied from its own members, so they are named here; a getter is copied without being asked.
 */
const pg = require("./lazy.js").lazy("pg");

module.exports = {
  __esModule: true,
  get Client() {
    return pg.Client;
  },
  get DatabaseError() {
    return pg.DatabaseError;
  },
};
