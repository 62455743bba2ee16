// The peer of `make bench-peers`: scimmy with scimmy-routers behind express, as their documentation sets them up. Users are in
// a map in memory. Any bearer token is taken.
import { randomUUID } from "node:crypto";
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

const users = new Map(); // by id
const ids = new Map(); // by userName, lower case

const find = (id) => {
  const user = users.get(id);
  if (!user) throw new SCIMMY.Types.Error(404, null, `Resource ${id} not found`);
  return user;
};

const read = (resource) => {
  if (resource.id) return find(resource.id);
  const all = [...users.values()];
  return resource.filter ? resource.filter.match(all) : all;
};

const write = (resource, data) => {
  const old = resource.id ? find(resource.id) : undefined;
  const id = old?.id ?? randomUUID();
  const name = data.userName.toLowerCase();
  if ((ids.get(name) ?? id) !== id) throw new SCIMMY.Types.Error(409, "uniqueness", "userName is taken");
  if (old) ids.delete(old.userName.toLowerCase());
  ids.set(name, id);
  const now = new Date().toISOString();
  const user = { ...JSON.parse(JSON.stringify(data)), id, meta: { created: old?.meta.created ?? now, lastModified: now } };
  users.set(id, user);
  return user;
};

const remove = (resource) => {
  ids.delete(find(resource.id).userName.toLowerCase());
  users.delete(resource.id);
};

SCIMMY.Resources.declare(SCIMMY.Resources.User).ingress(write).egress(read).degress(remove);

const app = express();
app.use("/scim/v2", new SCIMMYRouters({
  type: "bearer",
  handler: (request) => {
    if (!request.header("Authorization")?.startsWith("Bearer ")) throw new Error("no bearer token");
    return "bench";
  },
}));

const server = app.listen(0, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
process.on("SIGTERM", () => {
  server.close();
  server.closeAllConnections();
});
