// This folder is the whole project, whatever lies in those above it.
export default { turbopack: { root: import.meta.dirname } };
