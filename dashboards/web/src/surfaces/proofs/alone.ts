import { mount } from "svelte";
import "../../style.css";
import Alone from "./Alone.svelte";

const target = document.getElementById("app");
if (target === null) throw new Error("the page has no place for the viewer");
mount(Alone, { target });
