import { mount } from "svelte";
import App from "./App.svelte";
import "./style.css";
import { listen } from "./lib/events.svelte";
import { fetchAll } from "./lib/parts";

const target = document.getElementById("app");
if (target === null) throw new Error("the page has no place for the console");
listen();
mount(App, { target });
addEventListener("load", fetchAll);
